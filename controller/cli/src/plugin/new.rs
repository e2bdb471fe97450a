//! `tidegate plugin new`: a workspace for a new plugin.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::COULD_NOT_RUN;
use super::template::{FILES, Names};

/// Where the SDK is as long as it is in no registry.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The plugin's name: lower case, digits and hyphens.
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// The folder to make it in; it must not exist yet, or be empty. By default, NAME here.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Where the SDK comes from: a checkout of Tidegate, or the URL of its git repository. By default, this version in
    /// the repository of Tidegate.
    #[arg(long, value_name = "PATH|URL", default_value = REPOSITORY)]
    sdk: String,
}

/// Why nothing was made, and what to do.
#[derive(Debug, thiserror::Error)]
enum NewError {
    #[error("{} is there already, and not an empty folder: give another one with --path", .0.display())]
    Exists(PathBuf),
    #[error(
        "{} is no checkout of Tidegate: it has neither plugins/sdk nor the manifest of tidegate-router-sdk; give the folder \
         that `git clone` made, or the URL of the repository",
        .0.display()
    )]
    NoSdk(PathBuf),
    #[error("{}: {source}; check the path and its permissions", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

pub(super) fn run(arguments: &New) -> ExitCode {
    match make(arguments) {
        Ok(folder) => {
            let (folder, name) = (folder.display(), &arguments.name);
            let component = name.replace('-', "_");
            anstream::println!(
                "Made the plugin {name} in {folder}. Next:\n\n  \
                 cd {folder}\n  \
                 cargo test\n  \
                 rustup target add wasm32-wasip2\n  \
                 cargo build --release --target wasm32-wasip2\n  \
                 tidegate plugin test target/wasm32-wasip2/release/{component}_component.wasm --fixtures fixtures"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn make(arguments: &New) -> Result<PathBuf, NewError> {
    let io = |path: &Path, source| NewError::Io { path: path.to_owned(), source };
    let folder = arguments.path.clone().unwrap_or_else(|| PathBuf::from(&arguments.name));
    let sdk = dependency(&arguments.sdk)?;
    let is_free = match std::fs::read_dir(&folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(NewError::Exists(folder));
    }
    let names = Names { name: &arguments.name, sdk: &sdk };
    for file in FILES {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| io(parent, error))?;
        }
        std::fs::write(&path, file.text(&names)).map_err(|error| io(&path, error))?;
    }
    Ok(folder)
}

/// The inside of the SDK's dependency table.
fn dependency(sdk: &str) -> Result<String, NewError> {
    let quoted = |text: &str| format!("{text:?}");
    if sdk.contains("://") || sdk.starts_with("git@") {
        let tag = format!("v{}", env!("CARGO_PKG_VERSION"));
        return Ok(format!("git = {}, tag = {}", quoted(sdk), quoted(&tag)));
    }
    let path = Path::new(sdk);
    let is_sdk = |folder: &Path| {
        std::fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|manifest| manifest.contains("name = \"tidegate-router-sdk\""))
    };
    let found = [path.to_owned(), path.join("plugins/sdk")].into_iter().find(|folder| is_sdk(folder));
    let found = found.ok_or_else(|| NewError::NoSdk(path.to_owned()))?;
    let found = found.canonicalize().map_err(|source| NewError::Io { path: found.clone(), source })?;
    Ok(format!("path = {}", quoted(&found.display().to_string())))
}

fn name(text: &str) -> Result<String, String> {
    let is_right = text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.ends_with('-')
        && !text.contains("--");
    // The name of a crate, and in it the name of a library.
    let taken = ["component", "core", "std", "alloc", "test", "serde", "serde-json", "tidegate-router-sdk"];
    let keywords = [
        "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
        "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
        "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where",
        "while", "abstract", "become", "box", "do", "final", "gen", "macro", "override", "priv", "try",
        "typeof", "unsized", "virtual", "yield",
    ];
    if is_right && !taken.contains(&text) && !keywords.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err("a plugin's name has at most 40 lower-case letters, digits and single hyphens, begins with a letter, and is \
             no word that Rust keeps for itself; for example my-router"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{dependency, name};

    #[test]
    fn names() {
        for right in ["a", "my-router", "route53"] {
            assert!(name(right).is_ok(), "{right}");
        }
        for wrong in ["", "A", "my_router", "-a", "a-", "a--b", "9a", "fn", "std", "../a", &"a".repeat(41)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_sdk_is_in_a_checkout_or_a_repository() {
        let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let by_checkout = dependency(checkout).unwrap();
        assert!(
            by_checkout.starts_with("path = \"") && by_checkout.ends_with("plugins/sdk\""),
            "{by_checkout}"
        );
        assert_eq!(dependency(&format!("{checkout}/plugins/sdk")).unwrap(), by_checkout);
        assert!(dependency(&format!("{checkout}/runtime")).is_err());
        let by_url = dependency("https://example.com/tidegate").unwrap();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(by_url, format!("git = \"https://example.com/tidegate\", tag = \"v{version}\""));
    }
}
