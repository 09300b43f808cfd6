//! What opens TLS, as it is given on the command line: key logs, RSA keys and their password.

use std::env;
use std::io::{self, IsTerminal as _};

use clap::Args;

use crate::error::{Error, Result};
use crate::pipeline::{Keys, Password};

/// The variable that holds the password of RSA keys.
const VARIABLE: &str = "LYNCPUSH_RSA_KEY_PASSWORD";

/// Files that open TLS.
#[derive(Debug, Default, Args)]
pub struct KeyFiles {
    /// A TLS key log (SSLKEYLOGFILE format) that opens connections in the captures; may repeat
    ///
    /// Secrets that stand inside a pcapng are used without this. `live` follows the file as it grows, or a named pipe
    /// as it is written to: a secret may come up to a minute after what it opens. It does not read standard input.
    #[arg(long = "keylog", value_name = "FILE")]
    keylogs: Vec<String>,

    /// A server's RSA key (PEM, DER or PFX) for connections without forward secrecy; may repeat
    ///
    /// It opens connections of TLS 1.0 to 1.2 whose suite begins with TLS_RSA_. Its password is taken from
    /// --rsa-key-password-file, else from the variable LYNCPUSH_RSA_KEY_PASSWORD, else asked for.
    #[arg(long = "rsa-key", value_name = "FILE")]
    rsa_keys: Vec<String>,

    /// A file whose first line is the password of the RSA keys
    #[arg(long, value_name = "FILE", requires = "rsa_keys")]
    rsa_key_password_file: Option<String>,
}

impl KeyFiles {
    /// Reads all of them.
    ///
    /// Errors: a file that cannot be read, one that holds no RSA key, a password that is not the right one.
    pub fn read(&self) -> Result<Keys> {
        self.read_with(Keys::read_keylog)
    }

    /// The same, and key logs are followed from then on.
    ///
    /// Errors: as above, and a key log that is neither a file nor a pipe.
    #[cfg(feature = "live")]
    pub fn follow(&self) -> Result<Keys> {
        self.read_with(Keys::follow_keylog)
    }

    fn read_with(&self, read_keylog: fn(&mut Keys, &str) -> Result<()>) -> Result<Keys> {
        let mut keys = Keys::default();
        for path in &self.keylogs {
            read_keylog(&mut keys, path)?;
        }
        // Once, for all keys: it may be a pipe.
        let from_file = self.rsa_key_password_file.as_deref().map(|file| {
            Password::first_line(file)
                .map_err(|error| Error::new(format!("cannot read the password in {file}: {error}")))
        });
        let from_file = from_file.transpose()?;
        for path in &self.rsa_keys {
            keys.read_rsa_keys(path, || from_file.clone().map_or_else(|| password(path), |given| Ok(Some(given))))?;
        }
        Ok(keys)
    }
}

/// The password of a key file where no file holds it; none if nobody says one.
fn password(path: &str) -> Result<Option<Password>> {
    if let Some(given) = env::var_os(VARIABLE) {
        let text = given.into_string().map_err(|_| Error::new(format!("{VARIABLE} is not UTF-8")))?;
        return Ok(Some(Password::new(text)));
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(format!("Password of {path}: "));
    typed.map(|text| Some(Password::new(text))).map_err(|error| Error::new(format!("no password: {error}")))
}
