//! What went wrong below, in words that name no host. The HTTP library's own messages quote URLs and the TLS library's
//! quote the names in certificates; neither may reach a log.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use rustls::pki_types::InvalidDnsNameError;

use crate::FetchError;
use crate::guard::Refusal;

/// Why a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// By the operating system's account.
    #[error("{0}")]
    Connection(io::ErrorKind),
    /// The certificate's issuer is unknown here.
    #[error("the certificate was issued by an authority that is not trusted")]
    CertificateIssuer,
    /// The certificate is for another host.
    #[error("the certificate is for another host name")]
    CertificateName,
    /// The certificate's time is over, or has not begun.
    #[error("the certificate is expired or not valid yet")]
    CertificateTime,
    /// The certificate has another defect.
    #[error("the certificate is not acceptable")]
    Certificate,
    /// The two sides do not agree on TLS.
    #[error("no TLS connection could be agreed on")]
    Tls,
    /// What came back is not HTTP, or breaks off.
    #[error("the answer is not HTTP or is incomplete")]
    Http,
}

/// Finds the reason in the chain of an error of the HTTP library.
pub(crate) fn fetch_error(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    let mut connection = None;
    let mut link: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = link {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return (*refusal).into();
        }
        if error.is::<InvalidDnsNameError>() {
            return FetchError::UrlInvalid; // a URL may have a host that no certificate can name
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return FetchError::Failed(tls_cause(tls));
        }
        link = match error.downcast_ref::<io::Error>() {
            Some(error) => {
                connection = Some(Cause::Connection(error.kind()));
                // Its `source` skips the error it was made from, which may be the one of the TLS library.
                error.get_ref().map(|inner| inner as &(dyn Error + 'static))
            }
            None => error.source(),
        };
    }
    FetchError::Failed(connection.unwrap_or(Cause::Http))
}

fn tls_cause(error: &rustls::Error) -> Cause {
    let rustls::Error::InvalidCertificate(defect) = error else { return Cause::Tls };
    match defect {
        CertificateError::UnknownIssuer => Cause::CertificateIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Cause::CertificateName,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Cause::CertificateTime,
        _ => Cause::Certificate,
    }
}
