//! tokio's traits for both ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::{Receiver, Sender};

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = into.initialize_unfilled();
        let count = ready!(Receiver::poll_read(self.get_mut(), task, bytes))?;
        into.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Receiver {
    fn poll_fill_buf(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Receiver::poll_fill_buf(self.get_mut(), task)
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        Receiver::consume(self.get_mut(), count);
    }
}

/// Shutting down is [`Sender::close`]: it waits for the certificate.
impl AsyncWrite for Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Sender::poll_write(self.get_mut(), task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_delivered(task).map_err(io::Error::from)
    }
}
