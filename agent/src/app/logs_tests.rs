use super::*;

#[tokio::test]
async fn a_log_whose_thread_panicked_is_told_of() {
    let panicked = on_thread(|| panic!("a fault of the program")).await;
    assert!(failure(&panicked).is_some_and(|text| text.contains("restart the agent")));
    assert_eq!(failure(&on_thread(|| ()).await), None);
}
