//! The capture filter: libpcap's own language, compiler and machine, applied to frames of files.
//!
//! A program is compiled for each link type that is met. A link type that libpcap cannot filter matches nothing.

#[cfg(feature = "live")]
pub(super) use compiled::Filter;
#[cfg(not(feature = "live"))]
pub(super) use without::Filter;

#[cfg(feature = "live")]
mod compiled {
    use pcap::{BpfProgram, Capture, Linktype};

    use crate::error::{Error, Result};
    use crate::frame::LinkType;

    /// A filter expression and its programs.
    pub(in crate::capture) struct Filter {
        expression: String,
        /// The programs by link type: as many as the input has link types, so at most 65,536, and usually one.
        programs: Vec<(LinkType, Option<BpfProgram>)>,
    }

    impl Filter {
        /// Compiles `expression` for the link type that is expected, so that a mistake is found before any frame.
        ///
        /// Errors: it is not a filter, or not one for this link type.
        pub(in crate::capture) fn new(expression: &str, link: LinkType) -> Result<Self> {
            let program = compile(expression, link).map_err(|error| {
                let why = error.to_string();
                let why = why.strip_prefix("libpcap error: ").unwrap_or(&why);
                Error::new(format!("invalid filter {expression:?}: {why}"))
            })?;
            Ok(Self { expression: expression.to_owned(), programs: vec![(link, Some(program))] })
        }

        /// Whether the filter wants a frame.
        pub(in crate::capture) fn matches(&mut self, link: LinkType, bytes: &[u8]) -> bool {
            if !self.programs.iter().any(|(known, _)| *known == link) {
                self.programs.push((link, compile(&self.expression, link).ok()));
            }
            let program = self.programs.iter().find(|(known, _)| *known == link);
            matches!(program, Some((_, Some(program))) if program.filter(bytes))
        }
    }

    fn compile(expression: &str, link: LinkType) -> std::result::Result<BpfProgram, pcap::Error> {
        // Inside libpcap raw IP has the number of the system it runs on, which is 12 everywhere but on OpenBSD.
        let raw = if cfg!(target_os = "openbsd") { 14 } else { 12 };
        let number = match link {
            LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => raw,
            LinkType(number) => i32::from(number),
        };
        Capture::dead(Linktype(number))?.compile(expression, true)
    }
}

#[cfg(not(feature = "live"))]
mod without {
    use crate::error::{Error, Result};
    use crate::frame::LinkType;

    /// The filter of a program built without libpcap: there is none.
    pub(in crate::capture) enum Filter {}

    impl Filter {
        /// Errors: always, and says what to install.
        pub(in crate::capture) fn new(expression: &str, _: LinkType) -> Result<Self> {
            Err(Error::new(format!(
                "cannot apply the filter {expression:?}: this lyncpush was built without libpcap; \
                 install libpcap-dev (or libpcap-devel) and build it with the feature `live`"
            )))
        }

        /// Never called, since no filter can be made.
        pub(in crate::capture) fn matches(&mut self, _: LinkType, _: &[u8]) -> bool {
            match *self {}
        }
    }
}
