use super::*;

#[test]
fn a_line_that_is_not_finished_waits_for_the_next_look() {
    let mut rollout = Rollout::new("{}");
    rollout.look();
    rollout.disk.write(CANDIDATE, "ERROR half");
    rollout.look();
    assert_eq!(rollout.memory().candidate.errors, 0);
    rollout.disk.write(CANDIDATE, " a line\n");
    rollout.look();
    assert_eq!(rollout.memory().candidate.errors, 1);
    rollout.look();
    assert_eq!(rollout.memory().candidate.errors, 1);
}

#[test]
fn a_file_that_is_set_aside_is_read_to_its_end() {
    let aside = format!("{CANDIDATE}.1");
    let mut rollout = Rollout::new("{}");
    rollout.disk.write(CANDIDATE, "ERROR one\n");
    rollout.look();
    // Renamed: the new file is longer than the old one was when it was read.
    rollout.disk.write(CANDIDATE, "ERROR two\n");
    rollout.disk.rename(CANDIDATE, &aside);
    rollout.disk.write(CANDIDATE, "INFO again\n");
    rollout.disk.write(CANDIDATE, "ERROR three\n".repeat(9));
    let observation = rollout.look();
    assert_eq!(rollout.memory().candidate.errors, 11);
    assert_eq!(observation.findings.len(), 1, "{:?}", observation.findings);

    // Cut without a copy: what was not read is lost, and that is told.
    rollout.disk.files.borrow_mut().remove(&aside);
    rollout
        .disk
        .files
        .borrow_mut()
        .insert(CANDIDATE.into(), b"ERROR four\n".to_vec());
    let observation = rollout.look();
    assert_eq!(rollout.memory().candidate.errors, 12);
    let told = observation.findings.iter().map(|finding| &finding.title);
    assert!(
        told.into_iter()
            .any(|title| title == "not all log lines were read")
    );
}

#[test]
fn the_newest_is_read_of_what_is_too_much() {
    let mut rollout = Rollout::new("{}");
    rollout.look();
    let many = "INFO something to fill the file with words\n".repeat(120_000);
    rollout.disk.write(CANDIDATE, &many);
    rollout.disk.write(CANDIDATE, "ERROR at the end\n");
    let observation = rollout.look();
    let memory = rollout.memory();
    assert_eq!(memory.candidate.errors, 1);
    assert!(memory.candidate.records < 100_000);
    // It is not compared, as it is not all.
    assert_eq!(memory.candidate.exposure, 0);
    assert_eq!(observation.findings[0].title, "not all log lines were read");
}

#[test]
fn all_instances_are_read_and_files_that_come_later() {
    let mut rollout = Rollout::new("{}");
    rollout.look();
    for instance in 2..=40 {
        let path = format!(".baepo/output/candidate/b-{instance}.log");
        rollout.disk.write(&path, "ERROR at the start\n");
    }
    let observation = rollout.look();
    // One of them was there before.
    assert_eq!(
        rollout.memory().candidate.errors,
        sources::MOST_FILES as u64 - 1
    );
    let told = observation.findings.iter().map(|finding| &finding.title);
    assert!(
        told.into_iter()
            .any(|title| title == "not all log lines were read")
    );
}
