//! The traits of `futures-io` for both ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use super::{Receiver, Sender};

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Receiver::poll_read(self.get_mut(), task, bytes)
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

/// Closing is [`Sender::close`]: it waits for the certificate.
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

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_delivered(task).map_err(io::Error::from)
    }
}
