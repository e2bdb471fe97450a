//! Where the programs are that the tests start.

use std::path::PathBuf;

/// etcd, kube-apiserver and kube-controller-manager, in one folder.
pub(crate) fn kube() -> Result<PathBuf, String> {
    let folder = ["TIDEGATE_KUBE_ASSETS", "KUBEBUILDER_ASSETS"]
        .into_iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
        .map(PathBuf::from)
        .ok_or(
            "there is no API server for this test. Run it by `cargo xtask test`, which builds one (once), or set \
             TIDEGATE_KUBE_ASSETS to a folder with etcd, kube-apiserver and kube-controller-manager",
        )?;
    for program in ["etcd", "kube-apiserver", "kube-controller-manager"] {
        if !folder.join(program).is_file() {
            return Err(format!(
                "{} is not in {}; `cargo xtask apiserver` builds it",
                program,
                folder.display()
            ));
        }
    }
    Ok(folder)
}

/// A program of Argo Rollouts: `rollouts-controller` or `kubectl-argo-rollouts`.
pub(crate) fn argo(program: &str) -> PathBuf {
    let set = std::env::var_os("TIDEGATE_ARGO_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = set
        .expect(
            "there is no Argo Rollouts for this test. Run it by `cargo xtask test`, which builds one (once), or set \
             TIDEGATE_ARGO_ASSETS to a folder with rollouts-controller and kubectl-argo-rollouts",
        )
        .join(program);
    assert!(path.is_file(), "{} does not exist; `cargo xtask argo` builds it", path.display());
    path
}

/// The controller.
pub(crate) fn tidegate() -> PathBuf {
    let set = std::env::var_os("TIDEGATE_BIN").filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = set.expect(
        "TIDEGATE_BIN does not name the controller's binary. Run the test by `cargo xtask test`, or build it by \
         `cargo build --release -p tidegate` and set TIDEGATE_BIN to target/release/tidegate",
    );
    assert!(path.is_file(), "TIDEGATE_BIN names {}, which does not exist", path.display());
    path
}
