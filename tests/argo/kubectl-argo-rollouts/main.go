// The subcommands of Argo Rollouts' own CLI, at the version that go.mod pins. The dashboard is left out: the files of its
// page are built when Argo is released, and are not in its Go module.
package main

import (
	"os"

	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/abort"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/get"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/lint"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/list"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/pause"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/promote"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/restart"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/retry"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/set"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/status"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/terminate"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/undo"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/version"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/options"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

func main() {
	o := options.NewArgoRolloutsOptions(genericclioptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
	root := &cobra.Command{
		Use:               "kubectl-argo-rollouts COMMAND",
		SilenceUsage:      true,
		PersistentPreRunE: o.PersistentPreRunE,
	}
	o.AddKubectlFlags(root)
	root.AddCommand(
		abort.NewCmdAbort(o),
		get.NewCmdGet(o),
		lint.NewCmdLint(o),
		list.NewCmdList(o),
		pause.NewCmdPause(o),
		promote.NewCmdPromote(o),
		restart.NewCmdRestart(o),
		retry.NewCmdRetry(o),
		set.NewCmdSet(o),
		status.NewCmdStatus(o),
		terminate.NewCmdTerminate(o),
		undo.NewCmdUndo(o),
		version.NewCmdVersion(o),
	)
	if root.Execute() != nil {
		os.Exit(1)
	}
}
