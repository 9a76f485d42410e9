//! What every view must do: one suite for all of them.

use super::{View, ViewRows, memory::MemoryView, sled::SledView};

fn both(test: impl Fn(&dyn View)) {
    test(&MemoryView::default());
    let folder = tempfile::tempdir().unwrap();
    let (view, fault) = SledView::open(&folder.path().join("view")).unwrap();
    assert!(fault.is_none());
    test(&view);
}

fn row(key: &[u8], value: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (key.to_vec(), value.to_vec())
}

fn keys(rows: ViewRows<'_>) -> Vec<Vec<u8>> {
    rows.map(|row| row.unwrap().0).collect()
}

#[test]
fn what_is_applied_is_read() {
    both(|view| {
        view.apply(vec![row(b"a", b"1"), row(b"b", b"")]).unwrap();
        view.apply(vec![row(b"a", b"2")]).unwrap();
        assert_eq!(view.read(b"a").unwrap(), Some(b"2".to_vec()));
        assert_eq!(view.read(b"b").unwrap(), Some(Vec::new()));
        assert_eq!(view.read(b"c").unwrap(), None);
    });
}

#[test]
fn a_scan_is_in_order_and_ends_with_its_prefix() {
    both(|view| {
        let rows = [&b"r\x00\xff"[..], b"r\x01", b"r", b"s", b"q", b"r\xff\xff"];
        view.apply(rows.iter().map(|key| row(key, b"x")).collect())
            .unwrap();
        let expected = [&b"r"[..], b"r\x00\xff", b"r\x01", b"r\xff\xff"];
        assert_eq!(keys(view.scan(b"r")), expected);
        assert_eq!(keys(view.scan(b"")).len(), 6);
        assert!(keys(view.scan(b"zz")).is_empty());
    });
}

#[test]
fn a_cleared_view_is_empty_and_goes_on() {
    both(|view| {
        view.apply(vec![row(b"a", b"1")]).unwrap();
        view.clear().unwrap();
        assert!(keys(view.scan(b"")).is_empty());
        view.apply(vec![row(b"b", b"2")]).unwrap();
        assert_eq!(view.read(b"b").unwrap(), Some(b"2".to_vec()));
        assert_eq!(view.read(b"a").unwrap(), None);
    });
}

#[test]
fn a_cleared_view_on_disk_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (view, _) = SledView::open(&folder.path().join("view")).unwrap();
    view.clear().unwrap();
    view.clear().unwrap();
    for name in ["view", "view.damaged-1", "view.damaged-2"] {
        assert!(folder.path().join(name).is_dir(), "{name}");
    }
}
