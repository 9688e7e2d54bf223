//! Servers that refuse root run as somebody else.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A command that runs as somebody who is not root.
pub fn as_user(program: &Path, home: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(home);
    if let Some((uid, gid)) = unprivileged()? {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

/// Uid and gid of `postgres`, else `nobody`; `None` if we are not root ourselves.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    if !is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let fields: Vec<&str> = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).context("running as root, and neither the user postgres nor nobody exists")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// As root a server runs as another user, who may not reach a checkout below /root: then its data goes to the temporary folder.
pub fn data_elsewhere(server: &str) -> Option<PathBuf> {
    let target = crate::workspace::target();
    let open = |path: &Path| std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0);
    let reachable = target.ancestors().all(open);
    (is_root() && !reachable).then(|| std::env::temp_dir().join(format!("sarangbang-{server}-{}", std::process::id())))
}

/// Makes `home` and gives it, with all that is in it, to that user.
pub fn prepare_home(home: &Path) -> Result<()> {
    std::fs::create_dir_all(home)?;
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o755))?;
    if let Some((uid, gid)) = unprivileged()? {
        let status = Command::new("chown").arg("-R").arg(format!("{uid}:{gid}")).arg(home).status()?;
        ensure!(status.success(), "{} cannot be given to another user", home.display());
    }
    Ok(())
}
