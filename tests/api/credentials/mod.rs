//! What opens doors besides wallet keys: logins, second factors, and how each of them ends.

mod impersonation;
mod passkeys;
mod people;
mod resets;
mod sessions;
mod totp;
mod websockets;
