//! The whole threat matrix, each row with what must happen and the tests that show it; and the test that keeps the list
//! true.
//!
//! A row that has no test says why, and what it comes with: `later: ...`. Whoever builds that strikes the word out.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The last row there is.
const LAST_ROW: u32 = 78;

/// What a row without a test begins its reason with.
const LATER: &str = "later: ";

const MATRIX: &str = r#"
1 | wrong CA / no client cert | TLS refused
    t01_a_foreign_ca_or_no_certificate_gets_nothing
    t01_no_certificate_is_refused
    t01_a_member_is_let_in_and_its_key_exchange_is_post_quantum
    t01_a_member_that_is_not_listed_is_refused
2 | expired / not yet valid | TLS refused; "check own clock" alarm if many peers fail
    t02_out_of_date_is_refused
    row_2_many_partners_that_look_out_of_date_make_our_own_clock_doubtful
    t02_many_partners_that_look_out_of_date_alarm_for_our_own_clock
3 | revoked, new connection | TLS refused ≤60 s after publication
    t03_a_revoked_certificate_is_refused_by_reload_and_after_a_restart
    t03_a_revocation_reaches_a_node_through_its_partner
    t03_each_ca_revokes_its_own_and_only_its_own
    row_3_and_4_and_7_the_interval_as_shipped_and_as_configurable_is_under_a_minute
    t03_a_revoked_certificate_is_refused_as_soon_as_the_list_is_known
    t03_a_revoked_person_is_refused_after_the_list_is_loaded
4 | revoked, connection open or resumed | GOAWAY ≤60 s; resumption impossible
    t04_an_open_connection_ends_when_its_certificate_is_revoked
    t04_no_session_is_ever_resumed
    t04_connections_that_we_opened_end_when_the_partner_is_revoked
    t04_an_open_desk_connection_ends_when_its_certificate_is_revoked
    row_3_and_4_and_7_the_interval_as_shipped_and_as_configurable_is_under_a_minute
    t04_a_connection_ends_when_its_ca_leaves_and_the_other_stands
    t04_an_open_desk_connection_ends_when_its_ca_is_trusted_no_more
5 | CRL past nextUpdate / missing | TLS refused; ops alarm 24 h ahead
    t05_without_a_valid_list_nobody_is_let_in
    t05_a_ca_without_a_valid_list_of_its_own_lets_nobody_in
    row_5_a_list_alarms_a_day_ahead_however_short_its_life_is
    t05_an_expired_list_refuses_everybody_at_the_desk
6 | cert with 2 distribution points, revoked; malformed CRL | TLS refused; no panic (rustls-webpki ≥ 0.103.13: RUSTSEC-2026-0049, -0098, -0104)
    t06_two_distribution_points_hide_no_revocation
    t06_a_malformed_list_or_another_cas_list_refuses
    row_6_no_bytes_of_a_revocation_list_end_the_program
    row_6_no_changed_byte_of_a_list_is_sound_be_it_signed_or_not
7 | listed, but suspended (an unlisted authority has no CA here: TLS refused) | PERMISSION_DENIED PEER_SUSPENDED; open connections close
    t07_a_suspended_member_passes_tls_and_is_told_so
    t07_a_suspended_member_passes_tls_and_its_open_connections_end
    row_7_and_46_suspended_signers_and_closed_directories_verify_nothing_new
    t07_open_connections_in_both_directions_end_when_a_member_is_suspended
    row_3_and_4_and_7_the_interval_as_shipped_and_as_configurable_is_under_a_minute
8 | listed, and an SPKI pin is set that the certificate does not match; a desk certificate on the exchange, a node certificate on the desk | TLS refused
    t08_a_key_that_is_not_pinned_is_refused
    t08_desk_and_node_certificates_keep_to_their_ports
    t08_a_desk_certificate_is_refused_on_the_exchange
    t08_a_dialler_believes_only_a_pinned_key_when_pins_are_set
    t08_neither_nodes_nor_foreigners_nor_servers_are_let_in_at_the_desk
    t08_only_a_pinned_key_is_let_in_when_pins_are_set
9 | A's name issued by B's CA | TLS refused/PERMISSION_DENIED: never merge CA pools (SPIFFE 4.2)
    t09_a_name_under_another_authoritys_ca_is_refused
    t09_a_name_issued_by_another_ca_is_refused
    t09_certificates_of_both_cas_are_let_in_and_nobody_elses
    t09_a_ca_is_replaced_while_running_with_nothing_lost_and_nobody_else_let_in
    row_9_three_cas_one_twice_and_one_of_somebody_else_are_refused
10 | SAN ≠ claimed origin | PERMISSION_DENIED ORIGIN_MISMATCH
    t10_an_origin_that_is_not_the_peer_is_refused
    row_10_a_signer_that_is_not_the_origin_is_refused
11 | origin "PL/", case, dot, homoglyph | INVALID_ARGUMENT; byte compare, no normalising (Mastodon CVE-2023-42451)
    t11_origins_are_compared_byte_by_byte
    t11_only_the_exact_name_is_let_in
    row_11_authorities_are_read_byte_by_byte_and_nothing_is_normalised
    row_11_authority_ids_are_compared_byte_by_byte_and_nothing_is_normalised
    t11_exact_names_are_read
    t11_nothing_is_normalised
12 | right authority, wrong signing key | UNAUTHENTICATED BAD_SIGNATURE
    t12_the_right_authority_with_a_wrong_key_is_refused
    row_12_the_right_authority_with_a_wrong_key_is_refused
13 | key retired: within 24 h / later / revoked; stored message | accepted / re-signed by the sender and accepted / UNAUTHENTICATED KEY_REVOKED; still verifies under the directory version in its receipt
    t13_keys_pass_until_a_day_after_they_retire_and_never_when_revoked
    row_13_keys_pass_until_a_day_after_they_retire_and_never_when_revoked
    t13_a_new_signing_key_is_taken_once_it_is_published
    row_13_evidence_asks_how_it_was_then
    row_13_what_waits_is_signed_anew_without_a_restart
14 | RSA-1024, SHA-1, off-list curve | TLS refused / UNAUTHENTICATED ALG
    t14_certificates_over_keys_off_the_list_are_refused
    t14_signatures_that_are_not_ed25519_are_refused
    row_14_only_ed25519_signatures_are_looked_at
    t14_keys_off_the_list_are_refused
15 | bit flip, every byte | UNAUTHENTICATED or INVALID_ARGUMENT
    t15_no_flipped_byte_of_header_signature_or_statement_is_accepted
    row_15_any_flipped_byte_is_refused
    row_15_in_a_whole_batch_a_flipped_document_refuses_all
    row_15_no_changed_bit_brings_it_down_or_goes_unseen
    row_15_no_changed_byte_makes_another_directory
16 | reordered/duplicated protobuf fields | UNAUTHENTICATED: signature is over received bytes
    t16_the_same_fields_in_other_bytes_are_not_signed
    row_16_and_20_other_bytes_or_recipients_of_a_statement_are_refused
    row_16_the_same_statement_in_another_order_of_fields_is_other_bytes
17 | exact replay | OK, same receipt bytes, no second delivery
    t17_an_exact_replay_gets_the_same_receipt_and_no_second_effect
18 | same id, other content | ALREADY_EXISTS ID_CONFLICT; both hashes, alarm
    t18_other_content_under_a_known_id_is_refused_and_alarms
19 | replayed to another recipient | PERMISSION_DENIED NOT_ADDRESSED
    t19_what_is_addressed_to_another_is_refused
20 | recipients changed | UNAUTHENTICATED
    t20_changed_recipients_are_refused
    row_16_and_20_other_bytes_or_recipients_of_a_statement_are_refused
21 | A's envelope on C's connection | PERMISSION_DENIED NO_RELAY
    t21_anothers_envelope_is_not_relayed
    row_21_another_authoritys_envelope_is_not_relayed
22 | non-owner update with newer time | PERMISSION_DENIED NOT_OWNER (MISP#4911)
    t22_a_newer_update_by_another_than_the_owner_is_refused
    row_22_a_recall_of_anothers_statement_is_refused
23 | authorised on id X, body changes Y | INVALID_ARGUMENT (CVE-2026-56424; Synapse CVE-2020-26257)
    t23_a_header_that_names_x_and_a_body_that_changes_y_are_refused
    row_23_a_body_that_changes_another_statement_is_refused
24 | forged/wrong-id receipt | ignored, outbox stays pending, alarm
    t24_a_forged_receipt_is_ignored_told_and_the_statement_stays_pending
25 | +5 min future | FAILED_PRECONDITION CLOCK_SKEW (retry); both sides alarm; sender keeps
    t25_the_future_is_put_off_and_alarms
    t25_a_statement_refused_for_the_clock_is_kept_and_sent_again
26 | past validity | FAILED_PRECONDITION EXPIRED; dead letter shown
    t26_past_its_carriage_is_refused_for_good
    t26_what_came_too_late_is_shown_as_refused
27 | statement over 256 KiB; frame over its limit | refused at submit, and in band TOO_LARGE (final); the frame ends the stream before buffering
    t27_too_large_a_statement_is_refused_in_band_and_too_large_a_frame_ends_the_stream
    t27_too_large_an_alert_is_refused_at_submit
    row_27_a_statement_over_its_limit_is_too_large
28 | gzip bomb | UNIMPLEMENTED (compression off); if on, RESOURCE_EXHAUSTED (needs PR 2484)
    t28_a_compressed_message_is_not_unpacked
29 | nesting >100 | decode error, no crash (prost limit)
    t29_nesting_bombs_are_errors_and_crash_nothing
    row_29_nesting_bombs_are_errors_and_no_crash
30 | unknown field | prost skips it: keep original bytes; never re-encode
    t30_unknown_fields_are_kept_as_they_came
    row_30_unknown_fields_are_skipped_and_the_payload_bytes_kept
31 | unknown version/critical | FAILED_PRECONDITION UNSUPPORTED_VERSION; sender holds
    t31_a_greeting_in_another_version_or_federation_is_refused
    t31_unknown_versions_kinds_and_critical_features_are_refused_until_known
    t31_what_a_partner_does_not_know_yet_is_held_until_a_person_acts
32 | bidi, zero-width, ANSI, mixed script | stored raw, displayed escaped + flag; never raw in log/CLI
    row_32_escape_never_emits_what_hides
    row_32_what_hides_or_imitates_is_shown_escaped_and_named_and_kept_as_it_was_signed
33 | one statement that the peer always refuses | its final reason shown, dead letter; later ones flow; a retry reason never becomes final by counting
    t33_one_that_is_always_refused_holds_up_no_other
    t33_a_retry_reason_never_becomes_final_by_counting
34 | partner down 7 days | all kept; drains in order; desk sees "not delivered"
    t34_after_a_week_away_what_waited_drains_in_order
    t34_after_a_week_away_a_hundred_thousand_drain_in_order
35 | ack lost | resend → row 17
    t35_after_a_lost_acknowledgement_the_repeat_is_acknowledged
    t35_without_an_acknowledgement_it_is_sent_again_as_it_was
36 | kill -9 at each point | restart within 10 s, 0 acked lost, log root consistent
    row_36_the_log_only_grows_over_restarts_and_kills
    row_36_a_submit_that_is_repeated_after_a_death_at_each_point_makes_one_alert
37 | power cut (unsynced lost) | same
    i1_nothing_acknowledged_is_missing_after_a_power_cut_row_37
    row_37_a_cut_at_every_write_of_a_recording_takes_nothing_acknowledged
38 | disk full | RESOURCE_EXHAUSTED, no ack; reads and shutdown work from reserve; recovers when freed
    row_38_a_full_disk_is_told_before_the_reserve_is_used_and_recovers
    t38_a_real_full_disk_loses_and_acknowledges_nothing
39 | fsync EIO | never retry; stop acking, exit non-zero (PostgreSQL panics)
    row_39_a_failed_write_or_sync_is_never_tried_again
40 | journal damaged / view damaged | refuse start, name file and command / set aside and rebuild
    t40_a_damaged_journal_refuses_the_start_and_names_file_and_command
    t40_a_damaged_view_is_set_aside_and_rebuilt
    row_40_and_68_a_damaged_journal_and_a_newer_store_are_refused_untouched
    row_40_and_73_a_bad_group_with_a_good_one_after_it_stops_the_start
41 | slow partner | other peers' p99 within 2×
    t41_a_partner_that_hangs_slows_no_other
    row_41_and_59_a_peer_that_does_not_read_its_results_is_not_read_from
42 | clock ±1 h | monotonic retry timers; no mass expiry; NOT_SYNCED alarm
    row_42_a_doubtful_clock_ends_nothing
    row_42_a_clock_that_leaps_an_hour_holds_up_no_retry_and_alarms
43 | partner restored from backup | resends idempotent; its checkpoint refused (409); alarm
    later: checkpoints are shown to nobody yet: comes with witnesses
44 | own restore | own checkpoint < witnesses': quarantine, reconcile, then accept
    later: a restore is compared with nothing yet: comes with witnesses
45 | directory rollback/fork | keep current; alarm ROLLBACK
    row_45_nothing_goes_back_and_nothing_forks
    row_45_a_list_never_goes_back_while_its_ca_is_named_and_goes_with_it
    t45_arbitrary_installation_does_not_verify
    t45_rollback_of_a_part_is_refused
    t45_rollback_of_the_whole_is_refused
    t45_endless_data_is_cut_off
    t45_what_does_not_belong_to_it_is_refused
    t45_mix_and_match_is_refused
    t45_a_true_document_in_the_wrong_place_is_refused
    t45_a_fork_is_refused_and_named
    t45_bytes_that_are_no_directory_are_refused
    t45_a_node_that_was_away_for_three_versions_catches_up_from_a_partner
    t45_another_truth_of_our_version_is_asked_for_and_kept_as_evidence
46 | freeze | expiry → fail closed; warn earlier
    row_46_standing_follows_the_clock
    row_7_and_46_suspended_signers_and_closed_directories_verify_nothing_new
    t46_who_holds_a_newer_one_back_is_named
    t46_a_partner_that_prevents_updates_stops_nobody
    t46_a_directory_that_has_run_out_alarms_and_is_asked_for
    t46_a_closed_node_is_opened_again_by_a_partner
47 | version 2^63-1 | refused: root must be N+1 (TUF)
    row_47_roots_step_by_one
    t47_fast_forward_is_refused
    t47_a_root_of_a_far_version_is_refused
    row_47_a_stolen_timestamp_key_cannot_use_up_the_versions
48 | k-1, or one key counted twice | refused
    row_48_thresholds_count_distinct_keys_of_old_and_new_roots
    t48_a_stolen_timestamp_key_makes_no_member
    t48_one_root_key_of_two_makes_nothing
49 | split audit view | witness 422/409, keeps signed evidence
    later: comes with witnesses
50 | witness down | delivery continues, marked unwitnessed; alarm at age limit
    later: comes with witnesses
51 | second process/copied store | lock; witness catches fork
    t51_a_second_process_on_the_same_store_is_refused
    row_51_a_second_process_is_refused
    t51_a_second_node_is_refused_by_port_and_by_store
52 | rapid reset | GOAWAY (20 pending, 1,024 local)
    t52_who_breaks_the_rules_waits_longer_for_the_next_handshake
    t52_what_the_library_gives_up_is_told
    t52_rapid_resets_end_the_connection_and_are_journaled
53 | CONTINUATION / HPACK | connection error; set header list 16 KiB (h2 default 16 MiB)
    t53_header_blocks_without_end_or_measure_end_the_connection
54 | tiny DATA / SETTINGS / PING | bounded RSS, other peers ≤2× (h2 ≥0.4.16; latter: measure)
    t54_small_frames_are_read_at_their_rate
    t54_floods_of_small_frames_are_read_slowly_or_end_the_connection
55 | silent TCP, dribbled ClientHello | closed ≤5 s; ≤N pending per IP
    t55_a_silent_caller_is_put_out_within_the_deadline
    t55_silent_and_dribbling_callers_are_put_out_and_hold_up_nobody
    t55_one_address_has_so_many_handshakes_under_way_and_gets_them_back
56 | half headers forever | own idle/read deadline: h2#928, hyper#1628 open
    t56_what_has_begun_must_end_and_calls_must_come
    t56_a_peer_that_does_not_read_is_put_out
    t56_what_is_begun_and_never_ended_is_put_out_within_its_deadline
    t56_a_slow_call_that_goes_on_is_let_be
57 | fragmented ClientHello | no panic (rustls ≥0.23.18 if LazyConfigAcceptor)
    t57_a_fragmented_client_hello_is_understood
    t57_a_broken_client_hello_is_refused_and_the_next_caller_served
58 | fd exhaustion | back off 100 ms, recover; tonic only `continue`s at trace level
    t58_only_our_own_need_pauses_the_loop
    t58_descriptors_that_run_out_hold_up_nobody_who_is_there
    t58_handshakes_as_fast_as_they_go_hold_up_nobody
59 | 1 peer floods | RESOURCE_EXHAUSTED on its quota; others flow
    t59_connections_beyond_the_quota_are_refused_and_journaled
    t59_statements_beyond_the_quota_are_told_so_and_others_flow
    row_59_a_full_queue_tells_a_call_and_holds_up_a_stream
    row_41_and_59_a_peer_that_does_not_read_its_results_is_not_read_from
60 | unknown/desk method on exchange port | UNIMPLEMENTED; reflection off
    t60_what_is_not_the_exchange_is_not_there
    t60_unknown_and_desk_methods_are_not_there_on_the_exchange_port
61 | CSRF / foreign Origin / Host rebinding | 403, 0 changes
    later: comes with the console
62 | script in alert name | inert; CSP object-src/base-uri 'none', frame-ancestors
    later: comes with the console
63 | stolen/expired session | 401; new token at login; idle + absolute limits
    later: comes with the console
64 | CSV `= + - @ tab, zero` | prefixed ' (ASVS 1.2.10), every line, after leading space/NBSP too
    row_64_what_begins_as_a_formula_is_written_as_text
    row_64_comma_separated_lines_hold_no_formula_and_one_recipient_each
65 | log scan for planted names | 0 hits in logs, metrics, errors
    t65_planted_names_are_nowhere_but_with_those_who_may_see_them
66 | operator: mismatched/expired/world-readable key | refuses start, exit 2, names the fix
    t66_each_mistake_names_its_file_and_its_fix
    row_66_and_77_every_mistake_refuses_the_start_names_the_fix_and_touches_nothing
    t66_a_broken_file_takes_no_running_node_down
    row_66_a_key_that_others_can_read_is_refused_with_the_fix
    t66_a_key_that_others_read_is_refused_with_its_fix
    t66_what_was_made_together_is_loaded
67 | operator: rotate without overlap | CLI refuses, shows earliest safe time
    row_67_a_signing_key_is_replaced_step_by_step_and_no_step_comes_too_early
    row_67_a_node_certificate_is_replaced_and_the_old_one_revoked_a_minute_later
    row_67_a_pinned_certificate_is_published_before_it_is_shown
    row_67_a_key_whose_directory_was_replaced_by_one_without_it_waits_anew
    row_67_a_new_log_key_is_taken_once_it_is_published_and_old_exports_stay_proved
    row_67_a_directory_key_takes_over_with_the_directory_that_names_it_and_not_before
    row_67_an_exchange_ca_is_replaced_step_by_step_and_no_step_comes_too_early
    row_67_the_old_exchange_ca_stays_while_a_certificate_of_it_is_in_force
    row_67_a_desk_ca_is_replaced_step_by_step_and_both_are_trusted_meanwhile
68 | operator: older binary on newer store | refuses, store untouched
    row_40_and_68_a_damaged_journal_and_a_newer_store_are_refused_untouched
69 | path, index or tree size of a batch changed; header of one purpose used for another | UNAUTHENTICATED BAD_BATCH
    t69_index_path_size_and_purpose_belong_to_the_signature
    row_69_size_index_path_and_purpose_belong_to_the_signature
70 | recall arrives before its alert | kept, receipted, applied when the alert comes
    t70_a_recall_before_its_alert_is_kept_and_applied_when_it_comes
71 | someone else's alert corrected or recalled; an outsider writes in a thread | PERMISSION_DENIED NOT_OWNER / NOT_IN_THREAD
    t71_only_owners_change_and_only_participants_write
72 | another origin squats an id | no effect on the true origin's message
    t72_a_squatted_id_takes_nothing_from_its_true_origin
73 | last journal group corrupted with a seal after it; without | start stops / cut, journaled, partners asked
    t73_a_bad_group_with_a_seal_after_it_stops_the_start
    t73_a_bad_last_group_without_a_seal_is_cut_and_journaled
    t73_after_a_cut_tail_partners_are_asked
    row_40_and_73_a_bad_group_with_a_good_one_after_it_stops_the_start
    row_73_a_bad_last_group_without_a_seal_is_cut
74 | fsync failed, process restarted while the page cache still shows the data | nothing served before it is written and synced anew
    row_74_what_only_the_page_cache_shows_is_written_and_synced_anew
75 | forged export with its own roots; a receipt dropped; two exports spliced | not proved; named
    row_75_a_whole_thread_is_proved_and_every_change_of_it_is_refused
76 | 20 partners × 100,000 waiting | bounded memory, order kept, urgent first
    row_76_what_waits_for_twenty_partners_is_bounded_in_order_and_urgent_first
    row_76_two_million_that_wait_are_bounded_in_order_and_urgent_first
77 | key-encryption key missing or wrong | start refused, nothing touched
    t77_without_its_key_the_store_is_not_opened_and_not_touched
    row_66_and_77_every_mistake_refuses_the_start_names_the_fix_and_touches_nothing
    row_77_a_missing_or_wrong_key_refuses_the_start_and_touches_nothing
    row_77_a_keyring_older_than_the_journal_refuses_the_start_and_touches_nothing
78 | planted names after erasure | no stored value can be recomputed from known fields
    later: comes with erasure
"#;

/// One row.
#[derive(Debug)]
struct Row {
    number: u32,
    tests: Vec<&'static str>,
    later: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in MATRIX.lines().filter(|line| !line.is_empty()) {
        let Some(item) = line.strip_prefix("    ") else {
            let parts: Vec<_> = line.split(" | ").collect();
            let [number, fault, expected] = parts.as_slice() else {
                panic!("`number | fault | what must happen`: {line}")
            };
            assert!(!fault.is_empty() && !expected.is_empty(), "{line}");
            rows.push(Row {
                number: number.parse().expect("a number"),
                tests: vec![],
                later: None,
            });
            continue;
        };
        let row = rows.last_mut().expect("a row before its tests");
        match item.strip_prefix(LATER) {
            Some(why) => row.later = Some(why),
            None => row.tests.push(item),
        }
    }
    rows
}

/// Names of all functions of this crate that are named after a row.
fn written() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["src", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root.join(folder)))
        .flat_map(|file| named_in(&file))
        .collect()
}

/// Names of a file's functions that are named after a row.
fn named_in(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("read");
    let after_fn = text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("async fn ").or(line.strip_prefix("fn "))
    });
    after_fn
        .filter_map(|rest| rest.split_once('('))
        .map(|(name, _)| name.to_owned())
        .filter(|name| !rows_of(name).is_empty())
        .collect()
}

/// The rows that a test's name begins or ends with: `t40_..`, `row_40_and_73_..`, `.._row_37`.
fn rows_of(name: &str) -> Vec<u32> {
    if let Some((_, row)) = name.rsplit_once("_row_") {
        return row.parse().into_iter().collect();
    }
    let rest = match name.strip_prefix("row_") {
        Some(rest) => rest,
        None => match name.strip_prefix('t') {
            Some(rest) => rest,
            None => return vec![],
        },
    };
    rest.split('_')
        .filter(|word| *word != "and")
        .map_while(|word| word.parse().ok())
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_row_has_a_test_or_says_what_it_comes_with() {
    let (rows, written) = (rows(), written());
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    let all: Vec<u32> = (1..=LAST_ROW).collect();
    assert_eq!(numbers, all, "every row stands once, in order");
    for row in &rows {
        let shown = !row.tests.is_empty();
        assert_ne!(shown, row.later.is_some(), "{row:?}: a test, or why not");
        for test in &row.tests {
            assert!(written.contains(*test), "{row:?}: there is no `{test}`");
            assert!(
                rows_of(test).contains(&row.number),
                "{row:?}: `{test}` is of another"
            );
        }
    }
}

/// Verifies that no test that is named after a row is forgotten in the list, wherever it stands.
#[test]
fn every_test_of_a_row_is_listed() {
    let rows = rows();
    for name in written() {
        for number in rows_of(&name) {
            let row = rows.iter().find(|row| row.number == number);
            let is_listed = row.is_some_and(|row| row.tests.contains(&name.as_str()));
            assert!(is_listed, "`{name}` is not listed at row {number}");
        }
    }
}

#[test]
fn names_tell_their_rows() {
    for (name, rows) in [
        ("t01_x", vec![1]),
        ("row_40_and_73_a_bad", vec![40, 73]),
        ("t60_2_is_no_row", vec![60, 2]),
        ("i1_nothing_is_missing_row_37", vec![37]),
        ("the_rest", vec![]),
        ("row_of_things", vec![]),
        ("told", vec![]),
    ] {
        assert_eq!(rows_of(name), rows, "{name}");
    }
}
