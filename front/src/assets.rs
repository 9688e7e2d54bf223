//! The table of assets, and the checks that the page and the table agree.

/// One file of the page.
pub struct Asset {
    /// The path it is served under.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What it is.
    pub content: &'static [u8],
}

macro_rules! asset {
    ($path:literal, $content_type:literal, $file:literal) => {
        Asset { path: $path, content_type: $content_type, content: include_bytes!(concat!("../assets/", $file)) }
    };
    (css $name:literal) => {
        Asset {
            path: concat!("/assets/css/", $name),
            content_type: "text/css; charset=utf-8",
            content: include_bytes!(concat!("../assets/css/", $name)),
        }
    };
    (js $name:literal) => {
        Asset {
            path: concat!("/assets/js/", $name),
            content_type: "text/javascript; charset=utf-8",
            content: include_bytes!(concat!("../assets/js/", $name)),
        }
    };
}

/// Every asset.
pub const ASSETS: &[Asset] = &[
    asset!("/", "text/html; charset=utf-8", "index.html"),
    asset!("/analytics", "text/html; charset=utf-8", "analytics.html"),
    asset!("/assets/favicon.svg", "image/svg+xml", "favicon.svg"),
    asset!(css "base.css"),
    asset!(css "layout.css"),
    asset!(css "messages.css"),
    asset!(css "dialogs.css"),
    asset!(css "pages.css"),
    asset!("/assets/vendor/uplot/uPlot.min.css", "text/css; charset=utf-8", "vendor/uplot/uPlot.min.css"),
    asset!("/assets/vendor/uplot/uPlot.esm.js", "text/javascript; charset=utf-8", "vendor/uplot/uPlot.esm.js"),
    asset!("/assets/vendor/uplot/LICENSE", "text/plain; charset=utf-8", "vendor/uplot/LICENSE"),
    asset!(js "active.js"),
    asset!(js "alerts.js"),
    asset!(js "analytics.js"),
    asset!(js "api.js"),
    asset!(js "appearance.js"),
    asset!(js "chart.js"),
    asset!(js "complete.js"),
    asset!(js "composer.js"),
    asset!(js "dialogs.js"),
    asset!(js "dom.js"),
    asset!(js "i18n.js"),
    asset!(js "ids.js"),
    asset!(js "live.js"),
    asset!(js "main.js"),
    asset!(js "members.js"),
    asset!(js "names.js"),
    asset!(js "notices.js"),
    asset!(js "outbox.js"),
    asset!(js "page.js"),
    asset!(js "people.js"),
    asset!(js "place.js"),
    asset!(js "ranges.js"),
    asset!(js "ranking.js"),
    asset!(js "room.js"),
    asset!(js "roomlist.js"),
    asset!(js "row.js"),
    asset!(js "search.js"),
    asset!(js "session.js"),
    asset!(js "strings-analytics.js"),
    asset!(js "strings.js"),
    asset!(js "text.js"),
    asset!(js "timeline.js"),
];

/// What a page loads at once: itself, and all that it and its modules name.
#[cfg(test)]
pub fn first_load(page: &str) -> std::collections::BTreeSet<String> {
    tests::loaded(page)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn text(asset: &Asset) -> &'static str {
        std::str::from_utf8(asset.content).unwrap()
    }
    fn pages() -> impl Iterator<Item = &'static Asset> {
        ASSETS.iter().filter(|asset| asset.content_type.starts_with("text/html"))
    }
    fn scripts() -> impl Iterator<Item = &'static Asset> {
        ASSETS.iter().filter(|asset| asset.path.ends_with(".js"))
    }
    /// What stands between `before` and the next `after`, each time.
    fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(move |rest| rest.split_once(after).map(|(inner, _)| inner))
    }

    /// What a file names: by tags where it is a page, by imports where it is a module.
    fn named(asset: &Asset) -> Vec<String> {
        if asset.path.ends_with(".js") {
            let imports = text(asset).lines().filter(|line| line.starts_with("import "));
            let beside = |line| between(line, "'./", "'").map(|name| format!("/assets/js/{name}"));
            let above = |line| between(line, "'../", "'").map(|name| format!("/assets/{name}"));
            return imports.flat_map(|line| beside(line).chain(above(line)).collect::<Vec<_>>()).collect();
        }
        let page = text(asset);
        let tags = between(page, "<link ", ">").chain(between(page, "<script ", ">")).chain(between(page, "<img ", ">"));
        let attributes =
            tags.flat_map(|tag| between(tag, "href=\"", "\"").chain(between(tag, "src=\"", "\"")).collect::<Vec<_>>());
        attributes.map(str::to_owned).collect()
    }

    pub(super) fn loaded(page: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![page.to_owned()];
        while let Some(path) = open.pop() {
            if let Some(asset) = ASSETS.iter().find(|asset| asset.path == path)
                && found.insert(path)
            {
                open.extend(named(asset));
            }
        }
        found
    }

    /// All paths that a page or a module loads, or a page leads to.
    fn referred() -> BTreeSet<String> {
        let links = pages().flat_map(|page| between(text(page), "<a ", ">")).flat_map(|tag| between(tag, "href=\"", "\""));
        pages().chain(scripts()).flat_map(named).chain(links.map(str::to_owned)).collect()
    }

    #[test]
    fn everything_referred_to_exists_and_everything_that_exists_is_referred_to() {
        let served: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(referred(), served);
    }

    #[test]
    fn every_file_in_the_folder_is_served() {
        fn walk(folder: &Path, found: &mut BTreeSet<String>) {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), found);
                } else {
                    found.insert(entry.path().to_str().unwrap().to_owned());
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut found = BTreeSet::new();
        walk(&root, &mut found);
        let of_path = |asset: &Asset| match asset.path {
            "/" => root.join("index.html"),
            path if !path.starts_with("/assets/") => root.join(format!("{}.html", path.trim_start_matches('/'))),
            path => root.join(path.trim_start_matches("/assets/")),
        };
        let served: BTreeSet<String> = ASSETS.iter().map(|asset| of_path(asset).to_str().unwrap().to_owned()).collect();
        assert_eq!(found, served);
    }

    #[test]
    fn the_pages_keep_to_their_own_policy() {
        for (page, path) in pages().map(|page| (text(page), page.path)) {
            for forbidden in ["<style", " style=", "javascript:", "http://", "https://"] {
                assert!(!page.contains(forbidden), "{forbidden} in the page {path}");
            }
            for script in between(page, "<script", "</script>") {
                assert!(script.ends_with('>'), "an inline script in the page {path}");
            }
            for tag in between(page, "<", ">") {
                assert!(
                    !tag.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')),
                    "a listener in <{tag}>"
                );
            }
        }
        for script in scripts() {
            for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text(script).contains(forbidden), "{forbidden} in {}", script.path);
            }
        }
    }

    /// A module that several pages share may look up what some of them lack, in a function that those do not call.
    #[test]
    fn every_id_that_a_script_looks_up_is_in_a_page_that_loads_it() {
        for script in scripts() {
            let loading = pages().filter(|page| loaded(page.path).contains(script.path));
            let ids: BTreeSet<&str> = loading.flat_map(|page| between(text(page), " id=\"", "\"")).collect();
            for id in between(text(script), "byId('", "')") {
                assert!(ids.contains(id), "{} looks up #{id}, which no page that loads it has", script.path);
            }
        }
    }

    #[test]
    fn every_string_that_is_used_is_translated() {
        let strings: String = scripts().filter(|script| script.path.contains("/strings")).map(text).collect();
        let known = |key: &str| strings.contains(&format!("  '{key}': [")) || strings.contains(&format!("  {key}: ["));
        let used_in_page = ["data-i18n=\"", "data-i18n-placeholder=\"", "data-i18n-label=\"", "data-i18n-title=\""];
        for key in pages().flat_map(|page| used_in_page.into_iter().flat_map(|attribute| between(text(page), attribute, "\""))) {
            assert!(known(key), "a page uses the string {key}, which is in no strings*.js");
        }
        for script in scripts() {
            // Keys that are put together (`t(`role.${…}`)`) start with a back-tick and are not seen here.
            for key in between(text(script), " t('", "'").chain(between(text(script), "(t('", "'")) {
                assert!(known(key), "{} uses the string {key}, which is in no strings*.js", script.path);
            }
        }
    }
}
