use super::*;

/// `y = x · w`, with `w` of 2 × 3.
fn small() -> Vec<u8> {
    let mut graph = Graph::new("small");
    graph.input("x", Element::F32, &[Dim::Named("batch"), Dim::Fixed(2)]);
    graph.floats("w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    graph.node("MatMul", &["x", "w"], &["y"], &[]);
    graph.output("y", Element::F32, &[Dim::Named("batch"), Dim::Fixed(3)]);
    graph.finish(&[("version", "1"), ("labels", "[4496]")])
}

#[test]
fn a_model_says_what_it_was_told() {
    let described = describe(&small()).unwrap();
    assert_eq!(described.metadata.get("labels").map(String::as_str), Some("[4496]"));
    assert_eq!(described.inputs, [Tensor { name: "x".into(), shape: vec![None, Some(2)] }]);
    assert_eq!(described.outputs, [Tensor { name: "y".into(), shape: vec![None, Some(3)] }]);
}

#[test]
fn other_files_are_refused() {
    assert!(matches!(describe(b"PAR1 and so on"), Err(OnnxError::NotOnnx(_))));
    assert!(matches!(describe(b""), Err(OnnxError::NoGraph)));
    assert!(describe(&small()[..40]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = describe(&bytes);
    }
}
