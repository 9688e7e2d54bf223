//! A disk that is full under the local store of a node.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use infra::state_store::Fault;

use crate::world::{World, eventually};

/// A `tmpfs` of its own; taken away when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where one may not mount, which takes root.
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=96m", "sarangbang-test"]).arg(folder).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }

    fn fill(&self) {
        let mut ballast = File::create(self.0.join("ballast")).unwrap();
        for chunk in [vec![0; 64 * 1024], vec![0]] {
            let error = loop {
                if let Err(error) = ballast.write(&chunk) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the store has files open there until the node is gone.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_local_store_finds_no_room_says_that_it_must_end() {
    let world = World::new(1);
    let Some(disk) = SmallDisk::mount(&world.folder.path().join("disk")) else {
        println!("skipped: a small disk can be mounted by root alone");
        return;
    };
    let node = world.node_in("a", Arc::clone(&world.log), &disk.0.join("state")).await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    disk.fill();
    let failed = node.cluster.failed();
    tokio::pin!(failed);
    let text = "no room for this ".repeat(500);
    let fault = loop {
        tokio::select! {
            fault = &mut failed => break fault,
            // What becomes of a message is not the question: it may well be in the log.
            _ = node.say(&world, room, "ann", &text) => {}
        }
    };
    assert!(matches!(&*fault, Fault::Store(_)), "{fault:?}");
    // Nothing is served any more, so that whoever has a doubt about the process is right.
    eventually("nothing is served", async || !node.cluster.unserved().is_empty()).await;
    node.cluster.stop().await;
}
