//! Status codes: numbers with names; an unknown number is data.

use std::fmt;

/// The status code of a response.
///
/// Source: RFC 3261 §7.2 and §21.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u16);

impl Status {
    /// 100 Trying.
    pub const TRYING: Self = Self(100);
    /// 101 Progress Report: what Microsoft's routing reports while it looks for the callee.
    pub const PROGRESS_REPORT: Self = Self(101);
    /// 180 Ringing.
    pub const RINGING: Self = Self(180);
    /// 183 Session Progress.
    pub const SESSION_PROGRESS: Self = Self(183);
    /// 200 OK.
    pub const OK: Self = Self(200);
    /// 202 Accepted.
    pub const ACCEPTED: Self = Self(202);
    /// 401 Unauthorized.
    pub const UNAUTHORIZED: Self = Self(401);
    /// 403 Forbidden.
    pub const FORBIDDEN: Self = Self(403);
    /// 404 Not Found.
    pub const NOT_FOUND: Self = Self(404);
    /// 407 Proxy Authentication Required.
    pub const PROXY_AUTHENTICATION_REQUIRED: Self = Self(407);
    /// 408 Request Timeout.
    pub const REQUEST_TIMEOUT: Self = Self(408);
    /// 480 Temporarily Unavailable.
    pub const TEMPORARILY_UNAVAILABLE: Self = Self(480);
    /// 481 Call/Transaction Does Not Exist.
    pub const NO_SUCH_CALL: Self = Self(481);
    /// 486 Busy Here.
    pub const BUSY_HERE: Self = Self(486);
    /// 487 Request Terminated.
    pub const REQUEST_TERMINATED: Self = Self(487);
    /// 488 Not Acceptable Here.
    pub const NOT_ACCEPTABLE_HERE: Self = Self(488);
    /// 503 Service Unavailable.
    pub const SERVICE_UNAVAILABLE: Self = Self(503);
    /// 504 Server Time-out.
    pub const SERVER_TIMEOUT: Self = Self(504);
    /// 603 Decline.
    pub const DECLINE: Self = Self(603);
    /// 606 Not Acceptable.
    pub const NOT_ACCEPTABLE: Self = Self(606);

    /// 1xx: the request is being worked on.
    pub const fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 2xx: the request was accepted.
    pub const fn is_success(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }

    /// 200 and above: no further response to this transaction follows.
    pub const fn is_final(self) -> bool {
        self.0 >= 200
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (code, provisional, success, last) in [
            (100, true, false, false),
            (199, true, false, false),
            (200, false, true, true),
            (299, false, true, true),
            (300, false, false, true),
            (699, false, false, true),
        ] {
            let status = Status(code);
            assert_eq!(
                (status.is_provisional(), status.is_success(), status.is_final()),
                (provisional, success, last),
                "{code}"
            );
        }
    }
}
