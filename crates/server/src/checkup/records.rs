//! Whether what is stored opens: a sample of it, by the ways on which Postern reads it.

use postern_core::connections::Which;
use postern_core::fault::{Code, Fault};

use super::{Finding, Weight};
use crate::app::App;

/// How many of each kind are tried.
const TRIED: u64 = 20;

/// Tries our own keys, and the first products with a connection each, tenants and events. Nothing is written.
pub async fn opened(app: &App) -> Finding {
    match open(app).await {
        Ok(0) => Finding::fine("records", "there are none yet"),
        Ok(number) => Finding::fine("records", format!("{number} were tried, and all of them open")),
        Err(fault) if fault.code == Code::RecordUnreadable => Finding::new(
            Weight::Problem,
            "records",
            "there is one that does not open: it was changed, or sealed with a key that the key ring does not have",
            "Restore the store from its backup, or the key ring and its root key.",
        ),
        Err(fault) => Finding::new(Weight::Problem, "records", fault.to_string(), "Check the store."),
    }
}

/// → how many records were tried
async fn open(app: &App) -> Result<usize, Fault> {
    let own_keys = [app.cupboard.find().await?, app.token_cupboard.find().await?];
    let products = app.products.list(0, TRIED).await?;
    let tenants = app.tenants.list(0, TRIED).await?;
    let events = app.events.read(None, TRIED).await?;
    let mut number = own_keys.iter().flatten().count() + products.len() + tenants.len() + events.len();
    for product in products {
        let of_product = Which::Product { name: product.name.clone(), offset: 0, limit: 1 };
        number += app.connections.find(&of_product).await?.len();
    }
    Ok(number)
}
