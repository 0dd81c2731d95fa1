//! From a name to its addresses. What comes out is checked by the caller, so a resolver need not be trusted.

use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Lookups at once. The system's resolver holds a thread for as long as a name server is silent.
const MOST_LOOKUPS: usize = 16;

/// An answer on its way.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Tells the addresses of a name.
pub trait Resolver: Send + Sync + 'static {
    fn resolve<'a>(&'a self, name: &'a str) -> Lookup<'a>;
}

/// The machine's own way: its hosts file, its name servers.
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> SystemResolver {
        SystemResolver {
            lookups: Arc::new(Semaphore::new(MOST_LOOKUPS)),
        }
    }
}

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            let place = Arc::clone(&self.lookups).acquire_owned().await;
            let place = place.map_err(io::Error::other)?;
            let name = name.to_owned();
            let lookup = move || {
                let found = (name.as_str(), 0).to_socket_addrs();
                // Given back by the thread and not by the caller, who may have stopped waiting for it.
                drop(place);
                Ok(found?.map(|found| found.ip()).collect())
            };
            tokio::task::spawn_blocking(lookup)
                .await
                .map_err(io::Error::other)?
        })
    }
}
