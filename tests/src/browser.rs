//! A real browser, without a window.

use std::{net::TcpListener, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::{program::Program, scratch::Scratch};

/// A running browser; closed by [`Browser::close`], killed when dropped.
pub struct Browser {
    /// Drives it.
    pub driver: WebDriver,
    _chromedriver: Program,
}

/// Without these, Chromium asks its maker's hosts for this and that.
const QUIET: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

impl Browser {
    /// Starts chromedriver and, through it, Chromium with a fresh profile in the scratch folder.
    pub async fn start(scratch: &Scratch) -> Result<Browser> {
        crate::install_crypto();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command: Command = scratch.command(Path::new("/usr/bin/chromedriver"))?;
        command.arg(format!("--port={port}"));
        let chromedriver = Program::start(command, &scratch.join("chromedriver.log"))?;
        let profile = scratch.dir("chromium")?;
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in QUIET {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        capabilities.add_arg("--lang=id")?;
        let server = format!("http://127.0.0.1:{port}");
        let driver = crate::eventually("chromedriver", || async {
            WebDriver::new(&server, capabilities.clone()).await.ok()
        })
        .await
        .with_context(|| chromedriver.printed())?;
        driver.set_page_load_timeout(Duration::from_secs(30)).await?;
        Ok(Browser { driver, _chromedriver: chromedriver })
    }

    /// Closes it in order.
    pub async fn close(self) -> Result<()> {
        Ok(self.driver.clone().quit().await?)
    }
}
