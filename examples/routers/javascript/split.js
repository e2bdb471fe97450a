// The `Split` router: divides traffic by the weights of the backends of a `Split`.
//
// The contract's worked example (`wit/0.1/router.wit`), whole: it reads the object that the configuration names, changes
// the two weights that are the Rollout's, and leaves everything else alone.
//
// Names of the contract are in camel case here, a variant is `{ tag, val }`, none is `undefined`, and a `result` is
// the answer, or what is thrown.

const SPLIT = { group: 'example.com', kind: 'Split' };

const FEATURES = ['weights', 'max-weight'];

const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['split'],
  additionalProperties: false,
  properties: {
    split: { type: 'string', minLength: 1, description: "Name of the Split, in the Rollout's namespace." },
  },
};

const SETTINGS_SCHEMA = { type: 'object', additionalProperties: false };

/** What the component exports. No state: the same arguments give the same answer. */
export const router = {
  describe() {
    return {
      name: 'split',
      version: '0.1.0',
      features: FEATURES,
      kinds: [
        {
          kind: SPLIT,
          versions: ['v1'],
          verbs: ['read', 'update'],
          fields: ['/spec/backends/*/weight'],
          elements: [],
        },
      ],
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      settingsSchema: JSON.stringify(SETTINGS_SCHEMA),
      annotations: [],
    };
  },

  check(target) {
    splitName(target);
    services(target);
    return FEATURES;
  },

  locate(target) {
    return [query(target)];
  },

  route(target, traffic, seen) {
    refuseMoreThanWeights(traffic);
    const { stable, canary } = services(target);
    const found = find(target, seen);
    if (!found) {
      const about = { kind: SPLIT, namespace: target.namespace, name: splitName(target) };
      fail('missing-object', `${text(about)} does not exist: create it, or correct \`split\``, about);
    }
    return divide(found, stable, canary, traffic.stable.weight, traffic.canary.weight);
  },

  release(target, traffic, seen) {
    const { stable, canary } = services(target);
    const found = find(target, seen);
    if (!found || backends(found, [stable, canary]).size === 0) {
      return { changes: [], shares: [], verdict: { tag: 'verified' }, notes: [], facts: [] };
    }
    return divide(found, stable, canary, traffic.maxWeight, 0);
  },
};

/** Ends the call with a problem, which the host shows on the Rollout. An `Error` would be a fault. */
function fail(code, message, about, pointer) {
  throw { code, message, about, pointer };
}

function text(ref) {
  return `${ref.kind.kind} ${ref.namespace}/${ref.name}`;
}

/** Reads JSON; whatever keeps the engine from it (too many lists in lists) is a problem as well. */
function parse(text, failed) {
  try {
    return JSON.parse(text);
  } catch (error) {
    return failed(error.message);
  }
}

/** Whether a JSON value is an object. */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The configuration is what a user wrote: any JSON can come. */
function splitName(target) {
  const config = parse(target.config, (message) =>
    fail('invalid-config', `the configuration cannot be read: ${message}`, undefined, ''),
  );
  if (!isObject(config)) {
    fail('invalid-config', 'the configuration is no object: write `split: NAME`', undefined, '');
  }
  for (const key of Object.keys(config)) {
    if (key !== 'split') {
      const pointer = '/' + key.replaceAll('~', '~0').replaceAll('/', '~1');
      fail('invalid-config', `there is no key \`${key}\`: the only one is \`split\``, undefined, pointer);
    }
  }
  if (typeof config.split !== 'string' || config.split === '') {
    const pointer = Object.hasOwn(config, 'split') ? '/split' : '';
    fail('invalid-config', '`split` must be the name of a Split', undefined, pointer);
  }
  return config.split;
}

function services({ stableService: stable, canaryService: canary }) {
  if (stable === undefined || canary === undefined) {
    const missing = stable === undefined ? 'stableService' : 'canaryService';
    fail('missing-service', `the Rollout has no ${missing}: name both under spec.strategy.canary`);
  }
  if (stable === canary) {
    fail('missing-service', `stableService and canaryService are both \`${stable}\`: name two`);
  }
  return { stable, canary };
}

function refuseMoreThanWeights(traffic) {
  const extra = traffic.additional.find(({ weight }) => weight > 0);
  if (extra) {
    fail('unsupported', `a Split cannot give weight to \`${extra.name}\`: use another router`);
  }
  const managed = traffic.managedRoutes.find(({ rule }) => rule !== undefined);
  if (managed) {
    fail('unsupported', `a Split has no rule for the managed route \`${managed.name}\`: use another router`);
  }
}

function query(target) {
  return { kind: SPLIT, namespace: undefined, select: { tag: 'name', val: splitName(target) }, optional: false };
}

function find(target, seen) {
  const name = splitName(target);
  const observation = seen.find(
    ({ query: { kind, namespace, select } }) =>
      kind.group === SPLIT.group &&
      kind.kind === SPLIT.kind &&
      namespace === undefined &&
      select.tag === 'name' &&
      select.val === name,
  );
  return observation?.objects[0];
}

/** Where the weights of the services are that are wanted. Others are somebody else's and are not judged. */
function backends({ ref, json }, wanted) {
  const object = parse(json, (message) =>
    fail('invalid-object', `${text(ref)} cannot be read: ${message}`, ref, ''),
  );
  const list = object?.spec?.backends;
  if (!Array.isArray(list)) {
    fail('invalid-object', `${text(ref)} has no list of backends`, ref, '/spec/backends');
  }
  const places = new Map();
  list.forEach((backend, index) => {
    const service = backend?.service;
    if (!wanted.includes(service)) {
      return;
    }
    if (places.has(service)) {
      fail('invalid-object', `${text(ref)} lists \`${service}\` twice`, ref, `/spec/backends/${index}`);
    }
    const weight = backend.weight ?? 0;
    if (!Number.isInteger(weight) || weight < 0 || weight >= 2 ** 31) {
      const pointer = `/spec/backends/${index}/weight`;
      fail('invalid-object', `the weight of \`${service}\` in ${text(ref)} is no weight`, ref, pointer);
    }
    const op = backend.weight == null ? 'add' : 'replace';
    places.set(service, { op, path: `/spec/backends/${index}/weight`, weight });
  });
  return places;
}

/** What is, and what to change so that it is as desired. */
function divide(found, stable, canary, stableWeight, canaryWeight) {
  const places = backends(found, [stable, canary]);
  const desired = [
    { destination: 'stable', service: stable, weight: stableWeight },
    { destination: 'canary', service: canary, weight: canaryWeight },
  ];
  for (const { service } of desired) {
    if (!places.has(service)) {
      fail('missing-backend', `${text(found.ref)} has no backend for \`${service}\`: add one, with weight 0`, found.ref);
    }
  }
  const total = places.get(stable).weight + places.get(canary).weight;
  const shares = desired.map(({ destination, service }) => ({
    about: found.ref,
    at: '/spec',
    destination,
    weight: places.get(service).weight,
    total,
  }));
  const patch = desired
    // What nobody has written is written, so that the result depends on nothing that was before.
    .filter(({ service, weight }) => places.get(service).op === 'add' || places.get(service).weight !== weight)
    .map(({ service, weight }) => {
      const { op, path } = places.get(service);
      return { op, path, value: weight };
    });
  const edit = { tag: 'json-patch', val: JSON.stringify(patch) };
  const changes = patch.length > 0 ? [{ ref: found.ref, edit }] : [];
  return { changes, shares, verdict: { tag: 'unverifiable' }, notes: [], facts: [] };
}
