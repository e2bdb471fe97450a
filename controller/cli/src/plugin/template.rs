//! The files of a new plugin. They are in `templates/plugin`, with places to fill in.

/// A file: where it goes, and its text.
pub(super) struct File {
    pub(super) path: &'static str,
    text: &'static str,
}

/// Every file of a new plugin.
pub(super) const FILES: [File; 11] = [
    File { path: "Cargo.toml", text: include_str!("../../templates/plugin/Cargo.toml.in") },
    File { path: ".gitignore", text: include_str!("../../templates/plugin/gitignore.in") },
    File { path: "README.md", text: include_str!("../../templates/plugin/README.md.in") },
    File { path: "router/Cargo.toml", text: include_str!("../../templates/plugin/router/Cargo.toml.in") },
    File { path: "router/src/lib.rs", text: include_str!("../../templates/plugin/router/src/lib.rs.in") },
    File {
        path: "router/src/config.schema.json",
        text: include_str!("../../templates/plugin/router/src/config.schema.json"),
    },
    File {
        path: "router/tests/router.rs",
        text: include_str!("../../templates/plugin/router/tests/router.rs.in"),
    },
    File {
        path: "component/Cargo.toml",
        text: include_str!("../../templates/plugin/component/Cargo.toml.in"),
    },
    File {
        path: "component/src/lib.rs",
        text: include_str!("../../templates/plugin/component/src/lib.rs.in"),
    },
    File { path: "fixtures/split.yaml", text: include_str!("../../templates/plugin/fixtures/split.yaml") },
    File { path: "rustfmt.toml", text: "max_width = 120\nuse_small_heuristics = \"Max\"\n" },
];

/// What is filled in.
pub(super) struct Names<'a> {
    /// The plugin's name, with hyphens.
    pub(super) name: &'a str,
    /// Where the SDK is, as the inside of a dependency's table.
    pub(super) sdk: &'a str,
}

impl File {
    /// Its text with everything filled in.
    pub(super) fn text(&self, names: &Names<'_>) -> String {
        self.text
            .replace("@NAME@", names.name)
            .replace("@IDENT@", &names.name.replace('-', "_"))
            .replace("@TYPE@", &type_name(names.name))
            .replace("@SDK@", names.sdk)
    }
}

/// `my-router` as the name of a type: `MyRouter`.
fn type_name(name: &str) -> String {
    let capital = |word: &str| {
        let mut characters = word.chars();
        let first = characters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(characters).collect::<String>()
    };
    name.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_filled_in() {
        let names = Names { name: "my-router2", sdk: "path = \"/sdk\"" };
        for file in FILES {
            let text = file.text(&names);
            assert!(!text.contains('@'), "{}", file.path);
            assert!(text.ends_with('\n'), "{}", file.path);
        }
        assert_eq!(type_name("my-router2"), "MyRouter2");
    }
}
