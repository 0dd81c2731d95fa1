//! Reading beside the commit thread: a pool of readers, lent out one view at a time.

use std::sync::PoisonError;

use strongroom_auth::Caller;
use strongroom_auth::permission::Permission;
use strongroom_store::{Reader, StoreError};
use strongroom_types::mode::Scope;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::view::{ReadFault, View};

impl Engine {
    /// Reads a tenant's books.
    ///
    /// # Errors
    /// [`Failure::NotFound`], [`Failure::BadCursor`], [`Failure::NarrowTheRange`], or [`Failure::Internal`] when what
    /// is stored does not open.
    pub async fn read<P: Permission, T: Send + 'static>(
        &self,
        caller: &Caller<P>,
        work: impl FnOnce(&mut View<'_>) -> Result<T, ReadFault> + Send + 'static,
    ) -> Result<T, Failure> {
        let scope = caller.tenant().scope();
        self.with_view(scope, work).await
    }

    pub(crate) async fn with_view<T: Send + 'static>(
        &self,
        scope: Scope,
        work: impl FnOnce(&mut View<'_>) -> Result<T, ReadFault> + Send + 'static,
    ) -> Result<T, Failure> {
        let Ok(_permit) = self.inner.reading.acquire().await else {
            return Err(Failure::Halted);
        };
        let engine = self.clone();
        let done = tokio::task::spawn_blocking(move || engine.view_now(scope, work)).await;
        done.unwrap_or(Err(Failure::Internal))
    }

    /// Reads on this thread.
    pub(crate) fn view_now<T>(
        &self,
        scope: Scope,
        work: impl FnOnce(&mut View<'_>) -> Result<T, ReadFault>,
    ) -> Result<T, Failure> {
        let taken = self
            .inner
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let Some(reader) = taken else {
            return Err(Failure::Overloaded);
        };
        let mut lent = LentReader {
            engine: self,
            reader: Some(reader),
        };
        let Some(reader) = lent.reader.as_deref_mut() else {
            return Err(Failure::Internal);
        };
        let outcome = work(&mut View::new(
            &self.inner.shared,
            scope,
            reader,
            self.inner.journals.as_ref(),
        ));
        outcome.map_err(|fault| match fault {
            ReadFault::NotFound => Failure::NotFound,
            ReadFault::BadCursor => Failure::BadCursor,
            ReadFault::NarrowTheRange => Failure::NarrowTheRange,
            ReadFault::Store(StoreError::Unreachable(cause)) => {
                tracing::warn!(cause, "the store cannot be read now");
                Failure::Overloaded
            }
            ReadFault::Store(StoreError::TakenOver) => {
                self.owned().err().unwrap_or(Failure::Stopped)
            }
            ReadFault::Store(error) => {
                tracing::error!(error = %error, "a read failed");
                Failure::Internal
            }
            ReadFault::Open(fault) => {
                tracing::error!(error = %fault, "stored data does not open");
                Failure::Internal
            }
        })
    }
}

/// A reader out of the pool; goes back when dropped, also when the read panics.
struct LentReader<'a> {
    engine: &'a Engine,
    reader: Option<Box<dyn Reader>>,
}

impl Drop for LentReader<'_> {
    fn drop(&mut self) {
        let mut readers = self
            .engine
            .inner
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        readers.extend(self.reader.take());
    }
}
