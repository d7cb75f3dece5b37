//! What the operator hears when an address that they named cannot be fetched.

use postern_core::fault::{Code, Fault};
use postern_fetch::FetchError;

/// The fault of a failed fetch.
pub fn fault(error: FetchError) -> Fault {
    let code = match &error {
        FetchError::UrlInvalid => Code::FetchUrlInvalid,
        FetchError::AddressForbidden => Code::FetchAddressForbidden,
        FetchError::NameUnresolved => Code::FetchNameUnresolved,
        FetchError::Timeout => Code::FetchTimeout,
        FetchError::TooLarge => Code::FetchTooLarge,
        FetchError::Status(_) => Code::FetchStatus,
        FetchError::TooManyRedirects => Code::FetchTooManyRedirects,
        FetchError::Failed(_) => Code::FetchFailed,
    };
    code.fault().because(error)
}
