//! TLS from outside: sessions that GnuTLS, OpenSSL and rustls made, read with every source of secrets; and sessions
//! that lyncpush writes.

mod fixture;
mod keys;
mod late;
mod live;
mod losses;
mod pair;
mod replay;
mod rivals;
mod searches;
mod secrets;
mod suites;
mod tshark;
mod written;
