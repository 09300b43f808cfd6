//! A headless Chromium, driven over a pipe: no port, no network.
//!
//! In: pages as files. Out: what the browser made of them, and everything it asked of the outside.
//! Source: Chrome DevTools Protocol, `--remote-debugging-pipe`: JSON messages, each ended by a zero octet.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Names Chromium goes by.
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A running browser; it ends with this value.
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
    /// Events that came while an answer was awaited.
    events: VecDeque<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser; none where none is installed.
    pub fn start() -> Option<Self> {
        let installed = |name: &&&str| {
            let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            asked.is_ok_and(|status| status.success())
        };
        let name = NAMES.iter().find(installed)?;
        let profile = tempfile::tempdir().unwrap();
        // The protocol wants the pipe as descriptors 3 and 4, which a shell can give it.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", name])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Some(Self { process, to, from, last: 0, events: VecDeque::new(), _profile: profile })
    }

    /// Opens a page of this browser.
    pub fn page(&mut self) -> Page<'_> {
        let target = self.ask(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            self.ask(None, "Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        let mut page = Page { browser: self, session };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.ask(&format!("{domain}.enable"), json!({}));
        }
        page
    }

    /// Sends a command and waits for its answer.
    fn ask(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(b"\0").unwrap();
        loop {
            let answer = self.read();
            if answer["id"] == json!(self.last) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }

    /// The next message of the browser.
    fn read(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&message).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One page.
pub struct Page<'a> {
    browser: &'a mut Browser,
    session: String,
}

impl Page<'_> {
    /// Sends a command to the page.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.browser.ask(Some(&self.session), method, params)
    }

    /// Loads a file with what follows `#`, and waits until it is there.
    pub fn open(&mut self, file: &Path, hash: &str) {
        // A change of the hash alone would load nothing.
        self.ask("Page.navigate", json!({ "url": "about:blank" }));
        self.wait("Page.loadEventFired");
        self.browser.events.clear();
        self.ask("Page.navigate", json!({ "url": format!("file://{}{hash}", file.display()) }));
        self.wait("Page.loadEventFired");
    }

    /// Waits for an event; earlier ones are kept.
    fn wait(&mut self, method: &str) {
        let is = |event: &Value| event["method"] == method;
        if let Some(at) = self.browser.events.iter().position(is) {
            self.browser.events.remove(at);
            return;
        }
        loop {
            let event = self.browser.read();
            if is(&event) {
                return;
            }
            self.browser.events.push_back(event);
        }
    }

    /// The value of an expression in the page; a promise is waited for.
    pub fn value(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true });
        let result = self.ask("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// A click of the mouse into the middle of the first element of a selector.
    pub fn click(&mut self, selector: &str) {
        let quoted = json!(selector);
        let middle = self.value(&format!(
            "(() => {{ const one = document.querySelector({quoted}); one.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        let hit = format!("document.elementFromPoint({}, {}).closest({quoted}) !== null", middle[0], middle[1]);
        assert_eq!(self.value(&hit), true, "{selector} is where it can be clicked");
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1 });
            self.ask("Input.dispatchMouseEvent", params);
        }
    }

    /// Types text into what has the focus.
    pub fn type_text(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text }));
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str) {
        let text = if key == "Enter" { "\r" } else { "" };
        let code = if key == "Enter" { 13 } else { 9 };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({ "type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code });
            self.ask("Input.dispatchKeyEvent", params);
        }
    }

    /// Everything since the page was opened that it complained of, and every address it asked for.
    pub fn told(&mut self) -> (Vec<String>, Vec<String>) {
        // An answer comes after the events before it.
        self.value("0");
        let (mut complaints, mut addresses) = (Vec::new(), Vec::new());
        for event in &self.browser.events {
            match event["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    addresses.push(event["params"]["request"]["url"].as_str().unwrap().to_owned());
                }
                Some("Log.entryAdded") => complaints.push(event["params"]["entry"]["text"].to_string()),
                Some("Runtime.exceptionThrown") => complaints.push(event["params"]["exceptionDetails"].to_string()),
                Some("Runtime.consoleAPICalled") => complaints.push(event["params"]["args"].to_string()),
                _ => {}
            }
        }
        (complaints, addresses)
    }
}
