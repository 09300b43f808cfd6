//! `--format html` as a browser shows it: what can be read, filtered, opened and clicked, with and without scripts.
//!
//! Needs Chromium; without it every test here says that it is skipped.

mod chromium;
mod command;
mod pcap;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chromium::{Browser, Page};
use pcap::Pcap;
use serde_json::{Value, json};

/// One browser at a time: two at once are slower than two in turn.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `test` with a page of a browser, or says that it does not.
fn with_page(test: impl FnOnce(&mut Page<'_>)) {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match Browser::start() {
        Some(mut browser) => test(&mut browser.page()),
        None => eprintln!("skipped: no Chromium is installed"),
    }
}

/// Writes the page of a capture.
fn page_of(captures: &[&str], options: &[&str], directory: &Path) -> PathBuf {
    let path = directory.join("report.html");
    let ran = command::finish(
        command::lyncpush().args(["analyze", "-q", "--format", "html", "-o"]).arg(&path).args(options).args(captures),
    );
    assert!(ran.code < 2, "{}", ran.err);
    path
}

/// Three samples that go together badly and are read as one: a short list with several verdicts.
fn several(directory: &Path) -> PathBuf {
    let write = |name: &str, scenario: &str, seed: &str| {
        let path = directory.join(name);
        command::run(["simulate", scenario, "-q", "--ladders", "3", "--seed", seed, "-o", path.to_str().unwrap()])
            .with_code(0);
        path.to_str().unwrap().to_owned()
    };
    let captures =
        [write("a.pcap", "happy", "1"), write("b.pcap", "domain-not-allowed", "2"), write("c.pcap", "declined", "3")];
    page_of(&captures.each_ref().map(String::as_str), &[], directory)
}

/// How many ladders are shown.
const SHOWN: &str = "document.querySelectorAll('#list > li:not([hidden])').length";

/// Waits until what was asked for is drawn.
const NEXT: &str = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))";

/// The page complained of nothing and asked nobody but its own file.
fn quiet(page: &mut Page<'_>, file: &Path) {
    let (complaints, addresses) = page.told();
    assert_eq!(complaints, [""; 0], "the page complains of nothing");
    let own = format!("file://{}", file.display());
    assert!(addresses.iter().all(|address| address.split('#').next() == Some(&own)), "{addresses:?}");
}

#[test]
fn filters_and_sorts() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let file = several(directory.path());
        page.open(&file, "");
        let all = page.value(SHOWN).as_u64().unwrap();
        assert!(all >= 6, "{all}");
        let broken = page.value("document.querySelectorAll('#list > li[data-v=broken]').length").as_u64().unwrap();
        assert!(broken > 0 && broken < all, "{broken} of {all}");

        page.click("input[name=verdict][value=broken]");
        assert_eq!(page.value(SHOWN).as_u64(), Some(all - broken), "broken ones are filtered out by a click");
        assert!(page.value("document.getElementById('count').textContent").as_str().unwrap().contains(" of "));
        page.click("#reset");
        page.value(NEXT);
        assert_eq!(page.value(SHOWN).as_u64(), Some(all));

        page.click("#q");
        page.type_text("LP105 not-there");
        assert_eq!(page.value(SHOWN), 0, "every word must be found");
        page.click("#reset");
        page.click("#q");
        page.type_text("lp105");
        let found = page.value(SHOWN).as_u64().unwrap();
        assert!(found > 0 && found < all, "a code is found in small letters: {found}");
        let hash = page.value("location.hash");
        assert_eq!(hash, "#q=lp105");
        page.open(&file, hash.as_str().unwrap());
        assert_eq!(page.value(SHOWN).as_u64(), Some(found), "the view can be kept");

        page.open(&file, "#sort=duration");
        let times = page.value("[...document.querySelectorAll('#list > li')].map((li) => Number(li.dataset.d))");
        let times: Vec<f64> = times.as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
        assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
        quiet(page, &file);
    });
}

#[test]
fn opens_by_mouse_and_by_key_and_shows_the_message_behind_an_arrow() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let file = several(directory.path());
        page.open(&file, "");
        assert_eq!(page.value("document.querySelectorAll('svg.ladder').length"), 0, "light until it is opened");
        page.click("#l2 summary");
        page.value(NEXT);
        assert_eq!(page.value("document.querySelectorAll('#l2 svg.ladder').length"), 1);
        page.value("document.querySelector('#l3 summary').focus()");
        page.press("Enter");
        page.value(NEXT);
        assert_eq!(page.value("document.querySelectorAll('#l3 svg.ladder').length"), 1);

        page.click("#l2 svg.ladder a");
        assert_eq!(page.value("document.querySelector('#l2 .messages').open"), true);
        assert_eq!(page.value("document.activeElement.id"), page.value("location.hash.slice(1)"));
        assert_eq!(page.value("document.querySelectorAll('tr.hit').length"), 1);

        let text =
            "[...document.querySelectorAll('#l2 .messages pre')].find((pre) => pre.offsetHeight > 0)?.textContent";
        assert_eq!(
            page.value(&format!("document.querySelector('tr.hit details').open && ({text}) !== undefined")),
            true
        );
        let shown = page.value(text);
        let shown = shown.as_str().unwrap();
        assert!(shown.contains("CSEQ: 1 INVITE") || shown.contains("CSeq: 1 INVITE"), "{shown}");
        assert!(shown.contains("octets left out]"), "{shown}");

        page.open(&file, "#l4");
        page.value(NEXT);
        assert_eq!(page.value("document.querySelectorAll('#l4 svg.ladder').length"), 1, "a link opens its ladder");
        let top = page.value("document.getElementById('l4').getBoundingClientRect().top").as_f64().unwrap();
        assert!((0.0..200.0).contains(&top), "and shows it: {top}");
        quiet(page, &file);
    });
}

#[test]
fn a_command_is_copied() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let file = page_of(&["samples/domain-not-allowed.pcap"], &[], directory.path());
        page.open(&file, "");
        page.value(
            "Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.copied = text; } } })",
        );
        page.click("#l1 .cmd:nth-of-type(2) .copy");
        let copied = page.value("new Promise((done) => setTimeout(() => done(window.copied), 20))");
        assert!(copied.as_str().is_some_and(|text| text.contains("-Identity 'push.lync.com'")), "{copied}");
        quiet(page, &file);
    });
}

#[test]
fn without_scripts_everything_can_be_read() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let file = several(directory.path());
        page.ask("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
        page.open(&file, "");
        // Looked at from outside: no script of ours may run in there either.
        let root = page.ask("DOM.getDocument", json!({ "depth": 0 }))["root"]["nodeId"].clone();
        let count = |page: &mut Page<'_>, selector: &str| {
            let found = page.ask("DOM.querySelectorAll", json!({ "nodeId": root, "selector": selector }));
            found["nodeIds"].as_array().map_or(0, Vec::len)
        };
        let ladders = count(page, "#list > li");
        assert!(ladders >= 6, "{ladders}");
        assert_eq!(count(page, "#list svg.ladder"), ladders, "every ladder is drawn");
        assert!(count(page, "#list .messages tr") > ladders * 10);
        assert_eq!(count(page, "#tools[hidden]"), 1, "what only a script can do is not offered");
        assert_eq!(count(page, "#list .copy"), 0);
    });
}

/// Thousands of rows are filtered and sorted before a reader wonders, which is not measured here; that the browser
/// holds no drawing before one is asked for, is.
#[test]
fn many_ladders_stay_light() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let capture = directory.path().join("many.pcap");
        let path = capture.to_str().unwrap();
        command::run(["simulate", "domain-not-allowed", "-q", "--ladders", "500", "-o", path]).with_code(0);
        let file = page_of(&[path], &[], directory.path());
        page.open(&file, "#q=alice499");
        assert_eq!(page.value(SHOWN), 1);
        let elements = page.value("document.querySelectorAll('*').length").as_u64().unwrap();
        assert!(elements < 500 * 12, "{elements} elements");
        page.click("#reset");
        page.value(NEXT);
        assert_eq!(page.value(SHOWN), 500);
        page.click("#open");
        page.value(NEXT);
        assert_eq!(page.value("document.querySelectorAll('svg.ladder').length"), 200, "no more than can be held");
        let told =
            page.value("dispatchEvent(new Event('beforeprint')), document.getElementById('printed').textContent");
        assert!(told.as_str().unwrap().starts_with("Of 500 broken ladders the first 200 are printed"), "{told}");
        quiet(page, &file);
    });
}

/// A display name that wants to be a script, all the way from the wire.
#[test]
fn a_name_from_the_wire_stays_a_name() {
    const NAME: &str = "</script><script>document.title=1</script><img src=x onerror=a()>";
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let capture = directory.path().join("hostile.pcap");
        let mut pcap = Pcap::of(&command::simulated("happy", &[]));
        let name = |frame: &mut pcap::Frame| {
            // A message keeps its length: headers that nobody needs make room for the name.
            let text = String::from_utf8_lossy(&frame.octets).into_owned();
            let (Some(to), Some(allow)) = (text.find("To: <sip:bob@"), text.find("Allow: ")) else { return false };
            let (kept, dropped) = (&text[to + 4..allow], text[allow..].split_once("\r\n").unwrap().0);
            let padding = "a".repeat(dropped.len() - NAME.len() - "\"\"P: ".len());
            frame.replace(&text[to..allow + dropped.len()], &format!("To: \"{NAME}\"{kept}P: {padding}"))
        };
        assert!(pcap.frames.iter_mut().any(name), "an INVITE without a name");
        std::fs::write(&capture, pcap.octets()).unwrap();
        let file = page_of(&[capture.to_str().unwrap()], &["--show-text"], directory.path());
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("&lt;script&gt;document.title=1"), "the name is in the page");
        page.open(&file, "");
        assert!(page.value("document.title").as_str().unwrap().starts_with("lyncpush: 1 ladder"));
        assert_eq!(page.value("document.querySelectorAll('script').length + document.images.length"), 1);
        let shown = page.value("document.querySelector('.facts').textContent");
        assert!(shown.as_str().unwrap().contains("<img src=x onerror=a()>"), "{shown}");
        quiet(page, &file);
    });
}

#[test]
fn what_a_screen_reader_needs_is_there() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let file = several(directory.path());
        page.open(&file, "#l1");
        page.value(NEXT);
        page.click("#open");
        let unnamed = page.value(
            "[...document.querySelectorAll('input, select, button, svg[role], [role=group]')].filter((one) => \
             !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).map((one) => one.outerHTML.slice(0, 80))",
        );
        assert_eq!(unnamed, json!([]), "every control and drawing has a name");
        let twice = page.value(
            "[...document.querySelectorAll('[id]')].map((one) => one.id).filter((id, at, all) => all.indexOf(id) !== at)",
        );
        assert_eq!(twice, json!([]), "no name is given twice");
        let nodes = page.ask("Accessibility.getFullAXTree", json!({}));
        let roles: Vec<&str> =
            nodes["nodes"].as_array().unwrap().iter().filter_map(|node| node["role"]["value"].as_str()).collect();
        for role in ["main", "banner", "contentinfo", "heading", "search", "status", "list", "table"] {
            assert!(roles.contains(&role), "{role} in the accessibility tree");
        }
        assert!(matches!(page.value("document.documentElement.lang"), Value::String(lang) if lang == "en"));
    });
}

/// A page of thousands of ladders holds the messages of the first of them, and says so.
#[test]
fn messages_of_later_ladders_are_let_go() {
    let capture = command::simulated("domain-not-allowed", &["--ladders", "3000", "--spacing-ms", "500"]);
    let texts = |capture: &[u8], options: &[&str]| {
        let page = command::run_on(capture, [&["analyze", "--format", "html", "-"], options].concat());
        let page = page.with_code(1).text().to_owned();
        (page.matches("octets left out]").count(), page.contains("those of later ladders are"))
    };
    let (each, told) = texts(&command::simulated("domain-not-allowed", &[]), &[]);
    assert!(each > 0 && !told);
    let (count, told) = texts(&capture, &[]);
    assert!(count > 1_000 * each && count < 3_000 * each && told, "{count}");
    assert_eq!(texts(&capture, &["--user", "sip:bob2900@example.com"]), (each, false), "one of the last");
}

/// What stands in a log, a trace or another report leads to its ladder.
#[test]
fn the_search_finds_ladders_by_all_their_names() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let capture = directory.path().join("several.pcap");
        let path = capture.to_str().unwrap();
        command::run(["simulate", "domain-not-allowed", "-q", "--ladders", "5", "-o", path]).with_code(0);
        let file = page_of(&[path], &[], directory.path());
        let report = command::report([path]);
        let (at, ladder) = (2, &report["ladders"][2]);
        let host = ladder["steps"][0]["evidence"][0]["from"].as_str().unwrap().rsplit_once(':').unwrap().0;
        page.open(&file, "");
        for (name, alone) in [
            (ladder["id"].as_str().unwrap(), true),
            (ladder["call_id"].as_str().unwrap(), true),
            (ladder["push_call_ids"][0].as_str().unwrap(), true),
            (ladder["mobile"]["epid"].as_str().unwrap(), false),
            (ladder["diagnosis"]["fingerprint"].as_str().unwrap(), false),
            ("domain-not-allowed", false),
            ("LP105", false),
            ("edge01.example.com", false),
            ("push.lync.com", false),
            (host, false),
        ] {
            let typed = json!(name);
            let search = format!(
                "(() => {{ const q = document.getElementById('q'); q.value = {typed}; \
                 q.dispatchEvent(new Event('input', {{ bubbles: true }})); return !document.getElementById('l{}').hidden; }})()",
                at + 1
            );
            assert_eq!(page.value(&search), true, "{name} is found");
            let shown = page.value(SHOWN).as_u64().unwrap();
            assert!(shown == 1 || !alone, "{name} is found {shown} times");
        }
        quiet(page, &file);
    });
}

/// Paper cannot be clicked: commands and drawings of what is broken are on it, with scripts and without.
#[test]
fn what_is_broken_prints_open() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let scenarios = [("domain-not-allowed", 8), ("firewall", 9), ("im-filter", 10), ("device-never-wakes", 11)];
        let captures = scenarios.map(|(scenario, hour)| {
            let path = directory.path().join(format!("{scenario}.pcap"));
            // An hour apart and with other names, so that no capture has to do with another.
            let start = format!("2013-06-03T{hour:02}:00:00Z");
            let (seed, to) = (hour.to_string(), path.to_str().unwrap());
            let options = ["-q", "--ladders", "10", "--start", &start, "--seed", &seed, "-o", to];
            command::run([&["simulate", scenario], &options[..]].concat()).with_code(0);
            path.to_str().unwrap().to_owned()
        });
        let file = page_of(&captures.each_ref().map(String::as_str), &[], directory.path());
        page.open(&file, "");
        let broken = page.value("document.querySelectorAll('#list > li[data-v=broken]').length").as_u64().unwrap();
        let open = "document.querySelectorAll('.faults details[open], #list > li > details[open]').length";
        assert!(broken > 30 && page.value(open) == 0, "{broken} are broken, and all are closed on the screen");
        let visible = "[...document.querySelectorAll('.faults .cmd')].filter((one) => one.checkVisibility()).length";
        assert_eq!(page.value(visible), 0);
        page.ask("Emulation.setEmulatedMedia", json!({ "media": "print" }));
        assert_ne!(page.value(visible), 0, "commands are on paper whatever a script does");
        page.ask("Emulation.setEmulatedMedia", json!({ "media": "" }));
        for disabled in [false, true] {
            page.ask("Emulation.setScriptExecutionDisabled", json!({ "value": disabled }));
            page.open(&file, "");
            let printed = page.ask("Page.printToPDF", json!({ "paperWidth": 8.27, "paperHeight": 11.69 }));
            let printed = STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
            let printed = String::from_utf8_lossy(&printed).into_owned();
            let pages = printed.matches("/Type /Page").count() - printed.matches("/Type /Pages").count();
            assert!(pages as u64 > broken / 2, "{broken} drawings on {pages} pages, scripts disabled: {disabled}");
        }
        page.ask("Emulation.setScriptExecutionDisabled", json!({ "value": false }));
        page.open(&file, "");
        page.ask("Page.printToPDF", json!({}));
        assert_eq!(page.value(open), 0, "what print opened is closed again");
    });
}

/// On a phone no cell of the list is so narrow that names are cut to pieces.
#[test]
fn the_list_can_be_read_on_a_phone() {
    with_page(|page| {
        let directory = tempfile::tempdir().unwrap();
        let file = several(directory.path());
        page.ask(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true }),
        );
        page.open(&file, "");
        for cell in [".who", ".what", ".phone"] {
            let width = page.value(&format!("document.querySelector('#list {cell}').getBoundingClientRect().width"));
            assert!(width.as_f64().unwrap() > 250.0, "{cell} is {width} wide");
        }
        let wide = page.value("document.documentElement.scrollWidth");
        assert!(wide.as_f64().unwrap() <= 390.0, "the page scrolls sideways: {wide}");
    });
}
