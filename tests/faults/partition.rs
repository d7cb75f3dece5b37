//! Fault 3: one replica of Postern is cut off from the store, without a word or with all connections torn. Whoever asks it begins anew,
//! its readiness says so, the others go on, and when the cable is mended it goes on too, without a restart.

use std::time::Duration;

use postern_e2e::storm::Storm;
use postern_e2e::{Cable, Postern, Settings};
use postern_store::testing::{RedisServer, until};
use tokio::time::Instant;

use crate::{CALM, CROWD};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: make faults"]
async fn fault_3_a_replica_is_cut_off_from_the_store() {
    let _calm = CALM.lock().await;
    let server = RedisServer::start(&[]).await;
    let cable = Cable::to(server.port).await;
    let whole = Postern::start_at(&server.url(), Settings::default()).await;
    let public_port = Some(whole.ports()[0]);
    let settings = Settings { public_port, ..Settings::default() };
    let cut = Postern::start_at(&format!("redis://127.0.0.1:{}", cable.port), settings).await;
    let storm = Storm::gather(&[&whole, &cut], CROWD).await;

    let mut mended = None;
    let trouble = async {
        for sever in [Cable::silence, Cable::tear] {
            sever(&cable);
            until("it says that it is not ready", async || cut.probe("/health/ready").await.0 == 503).await;
            assert_eq!(cut.probe("/health/live").await.0, 200);
            assert_eq!(whole.probe("/health/ready").await.0, 200);
            tokio::time::sleep(Duration::from_secs(2)).await;
            cable.mend();
            until("it is ready again", async || cut.probe("/health/ready").await.0 == 200).await;
            mended = Some(Instant::now());
        }
    };
    let report = storm.rage("one of two replicas is cut off from the store, silently and then not", trouble).await;
    report.judge();
    assert!(report.broken.is_empty(), "everybody who is affected is told to begin anew");
    let goes_on = report.timings.iter().any(|timing| timing.replica == 1 && timing.good && Some(timing.began) > mended);
    assert!(goes_on, "it serves again");
}
