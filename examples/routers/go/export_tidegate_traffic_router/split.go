// Package export_tidegate_traffic_router is the Split router: it divides traffic by the weights of the backends of a
// Split.
//
// The contract's worked example (wit/0.1/router.wit), whole: it reads the object that the configuration names, changes the
// two weights that are the Rollout's, and leaves everything else alone. The package's name is what the generated code
// calls; package tidegate_traffic_router is generated, too.
package export_tidegate_traffic_router

import (
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"strconv"
	"strings"

	wit "go.bytecodealliance.org/pkg/wit/types"
	router "wit_component/tidegate_traffic_router"
)

var kind = router.Kind{Group: "example.com", Kind: "Split"}

var features = []string{"weights", "max-weight"}

const configSchema = `{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", ` +
	`"required": ["split"], "additionalProperties": false, "properties": {"split": {"type": "string", ` +
	`"minLength": 1, "description": "Name of the Split, in the Rollout's namespace."}}}`

const settingsSchema = `{"type": "object", "additionalProperties": false}`

// Describe says what this plugin is.
func Describe() router.Description {
	return router.Description{
		Name:     "split",
		Version:  "0.1.0",
		Features: features,
		Kinds: []router.KindUse{{
			Kind:     kind,
			Versions: []string{"v1"},
			Verbs:    []string{"read", "update"},
			Fields:   []string{"/spec/backends/*/weight"},
		}},
		ConfigSchema:   configSchema,
		SettingsSchema: settingsSchema,
	}
}

// Check says whether the configuration is right, and what it can do.
func Check(target router.Target) wit.Result[[]string, router.Problem] {
	if _, err := splitName(target); err != nil {
		return wit.Err[[]string](*err)
	}
	if _, err := services(target); err != nil {
		return wit.Err[[]string](*err)
	}
	return wit.Ok[[]string, router.Problem](features)
}

// Locate says which object is needed.
func Locate(
	target router.Target, _ router.Traffic, _ []router.Observation,
) wit.Result[[]router.Query, router.Problem] {
	name, err := splitName(target)
	if err != nil {
		return wit.Err[[]router.Query](*err)
	}
	return wit.Ok[[]router.Query, router.Problem]([]router.Query{{
		Kind:      kind,
		Namespace: wit.None[string](),
		Select:    router.MakeSelectionName(name),
	}})
}

// Route says what is, and what to change so that it is as desired.
func Route(
	target router.Target, traffic router.Traffic, seen []router.Observation,
) wit.Result[router.Outcome, router.Problem] {
	return answer(route(target, traffic, seen))
}

// Release gives all weight to stable.
func Release(
	target router.Target, traffic router.Traffic, seen []router.Observation,
) wit.Result[router.Outcome, router.Problem] {
	return answer(release(target, traffic, seen))
}

func answer(outcome router.Outcome, err *router.Problem) wit.Result[router.Outcome, router.Problem] {
	if err != nil {
		return wit.Err[router.Outcome](*err)
	}
	return wit.Ok[router.Outcome, router.Problem](outcome)
}

func route(
	target router.Target, traffic router.Traffic, seen []router.Observation,
) (router.Outcome, *router.Problem) {
	if err := refuseMoreThanWeights(traffic); err != nil {
		return router.Outcome{}, err
	}
	services, err := services(target)
	if err != nil {
		return router.Outcome{}, err
	}
	found, name, err := find(target, seen)
	if err != nil {
		return router.Outcome{}, err
	}
	if found == nil {
		about := router.ObjectRef{Kind: kind, Namespace: wit.Some(target.Namespace), Name: name}
		return router.Outcome{}, problem("missing-object",
			text(about)+" does not exist: create it, or correct `split`", &about, nil)
	}
	places, err := places(*found, services)
	if err != nil {
		return router.Outcome{}, err
	}
	return divide(*found, services, places, [2]uint32{traffic.Stable.Weight, traffic.Canary.Weight})
}

func release(
	target router.Target, traffic router.Traffic, seen []router.Observation,
) (router.Outcome, *router.Problem) {
	gone := router.Outcome{Verdict: router.MakeVerdictVerified()}
	services, err := services(target)
	if err != nil {
		return router.Outcome{}, err
	}
	found, _, err := find(target, seen)
	if err != nil {
		return router.Outcome{}, err
	}
	if found == nil {
		return gone, nil
	}
	places, err := places(*found, services)
	if err != nil {
		return router.Outcome{}, err
	}
	if places[stable] == nil && places[canary] == nil {
		return gone, nil
	}
	return divide(*found, services, places, [2]uint32{traffic.MaxWeight, 0})
}

// problem is why there is no answer, which the host shows on the Rollout. A panic is a fault.
func problem(code, message string, about *router.ObjectRef, pointer *string) *router.Problem {
	problem := &router.Problem{
		Code: code, Message: message, About: wit.None[router.ObjectRef](), Pointer: wit.None[string](),
	}
	if about != nil {
		problem.About = wit.Some(*about)
	}
	if pointer != nil {
		problem.Pointer = wit.Some(*pointer)
	}
	return problem
}

func text(ref router.ObjectRef) string {
	return ref.Kind.Kind + " " + ref.Namespace.SomeOr("") + "/" + ref.Name
}

// deepest is how many lists and objects may be in one another. The decoder would go on until its stack is full, which no
// recover catches here.
const deepest = 500

// parse reads JSON without losing digits.
func parse(document string) (any, error) {
	depth, inText := 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case !inText && (c == '[' || c == '{'):
			depth++
		case !inText && (c == ']' || c == '}'):
			depth--
		}
		if depth > deepest {
			return nil, errors.New("nested too deep")
		}
	}
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// splitName reads the configuration, which is what a user wrote: any JSON can come.
func splitName(target router.Target) (string, *router.Problem) {
	invalid := func(pointer, message string) (string, *router.Problem) {
		return "", problem("invalid-config", message, nil, &pointer)
	}
	value, err := parse(target.Config)
	config, ok := value.(map[string]any)
	if err != nil || !ok {
		return invalid("", "the configuration is no object: write `split: NAME`")
	}
	keys := make([]string, 0, len(config))
	for key := range config {
		keys = append(keys, key)
	}
	// A map has no order, and the same arguments give the same answer.
	sort.Strings(keys)
	for _, key := range keys {
		if key != "split" {
			return invalid("/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key),
				"there is no key `"+key+"`: the only one is `split`")
		}
	}
	name, ok := config["split"].(string)
	if !ok || name == "" {
		pointer := ""
		if _, there := config["split"]; there {
			pointer = "/split"
		}
		return invalid(pointer, "`split` must be the name of a Split")
	}
	return name, nil
}

// Of two of something, which is of the stable, and which of the canary version.
const (
	stable = 0
	canary = 1
)

// services are the names of the Services in the two roles; they differ.
func services(target router.Target) ([2]string, *router.Problem) {
	names := [2]string{target.StableService.SomeOr(""), target.CanaryService.SomeOr("")}
	for role, key := range []string{"stableService", "canaryService"} {
		if names[role] == "" {
			return names, problem("missing-service",
				"the Rollout has no "+key+": name both under spec.strategy.canary", nil, nil)
		}
	}
	if names[stable] == names[canary] {
		return names, problem("missing-service",
			"stableService and canaryService are both `"+names[stable]+"`: name two", nil, nil)
	}
	return names, nil
}

func refuseMoreThanWeights(traffic router.Traffic) *router.Problem {
	for _, destination := range traffic.Additional {
		if destination.Weight > 0 {
			return problem("unsupported",
				"a Split cannot give weight to `"+destination.Name+"`: use another router", nil, nil)
		}
	}
	for _, managed := range traffic.ManagedRoutes {
		if managed.Rule.IsSome() {
			return problem("unsupported",
				"a Split has no rule for the managed route `"+managed.Name+"`: use another router", nil, nil)
		}
	}
	return nil
}

// find is the object that was looked for, if it exists, and its name.
func find(target router.Target, seen []router.Observation) (*router.Object, string, *router.Problem) {
	name, err := splitName(target)
	if err != nil {
		return nil, "", err
	}
	for _, observation := range seen {
		query := observation.Query
		if query.Kind == kind && query.Namespace.IsNone() && query.Select.Tag() == router.Selection_Name &&
			query.Select.Name() == name && len(observation.Objects) > 0 {
			return &observation.Objects[0], name, nil
		}
	}
	return nil, name, nil
}

// place is where a weight is.
type place struct {
	path   string
	weight uint32
	// exists says whether it is written there; without, it is 0.
	exists bool
}

// places are where the weights of the two Services are. Other backends are somebody else's and are not judged.
func places(found router.Object, services [2]string) ([2]*place, *router.Problem) {
	about := found.Ref
	invalid := func(pointer, message string) ([2]*place, *router.Problem) {
		return [2]*place{}, problem("invalid-object", message, &about, &pointer)
	}
	// The host has parsed it before; what is not there is nil, which is no list.
	object, _ := parse(found.Json)
	root, _ := object.(map[string]any)
	spec, _ := root["spec"].(map[string]any)
	list, ok := spec["backends"].([]any)
	if !ok {
		return invalid("/spec/backends", text(about)+" has no list of backends")
	}
	places := [2]*place{}
	for index, element := range list {
		backend, _ := element.(map[string]any)
		service, ok := backend["service"].(string)
		role := slices.Index(services[:], service)
		if !ok || role < 0 {
			continue
		}
		pointer := "/spec/backends/" + strconv.Itoa(index)
		if places[role] != nil {
			return invalid(pointer, text(about)+" lists `"+service+"` twice")
		}
		places[role] = &place{path: pointer + "/weight"}
		if value := backend["weight"]; value != nil {
			number, _ := value.(json.Number)
			weight, err := strconv.ParseUint(string(number), 10, 31)
			if err != nil {
				return invalid(pointer+"/weight", "the weight of `"+service+"` in "+text(about)+" is no weight")
			}
			places[role].weight, places[role].exists = uint32(weight), true
		}
	}
	return places, nil
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value uint32 `json:"value"`
}

// divide says what is, and what to change so that it is as desired.
func divide(
	found router.Object, services [2]string, places [2]*place, desired [2]uint32,
) (router.Outcome, *router.Problem) {
	for role, place := range places {
		if place == nil {
			return router.Outcome{}, problem("missing-backend",
				text(found.Ref)+" has no backend for `"+services[role]+"`: add one, with weight 0", &found.Ref, nil)
		}
	}
	outcome := router.Outcome{Verdict: router.MakeVerdictUnverifiable()}
	total := places[stable].weight + places[canary].weight
	patch := []operation{}
	for role, destination := range []string{"stable", "canary"} {
		place := places[role]
		outcome.Shares = append(outcome.Shares, router.Share{
			About: found.Ref, At: "/spec", Destination: destination, Weight: place.weight, Total: total,
		})
		// What nobody has written is written, so that the result depends on nothing that was before.
		if !place.exists || place.weight != desired[role] {
			op := "add"
			if place.exists {
				op = "replace"
			}
			patch = append(patch, operation{Op: op, Path: place.path, Value: desired[role]})
		}
	}
	if len(patch) > 0 {
		text, err := json.Marshal(patch)
		if err != nil {
			panic(err)
		}
		outcome.Changes = []router.Change{{Ref: found.Ref, Edit: router.MakeEditJsonPatch(string(text))}}
	}
	return outcome, nil
}
