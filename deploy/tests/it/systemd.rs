//! The unit, read by systemd itself.

use crate::files::text;
use crate::tools;

#[test]
fn systemd_takes_the_unit() {
    let unit = text("systemd/sarangbang@.service");
    if !tools::have("systemd-analyze", "systemd") {
        return;
    }
    // It looks for the program and the user, which are not here.
    let here = unit.replace("/usr/local/bin/sarangbang", "/bin/true").replace("=sarangbang\n", "=root\n");
    assert_ne!(here, unit);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sarangbang@query-api.service"), here).unwrap();
    let complaints = std::process::Command::new("systemd-analyze")
        .args(["verify", "./sarangbang@query-api.service"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&complaints.stderr);
    // Of other units of this machine it may complain, too; they are not ours.
    assert!(complaints.status.success() && !said.contains("sarangbang@"), "{said}");
}
