use super::{cleaned, refused_params};
use crate::actions::ParamsTemplate;

#[test]
fn nothing_that_only_programs_see_is_left_in_a_text() {
    assert_eq!(cleaned("a\u{0}b\r\nc\td\u{1b}[2J", 100), "a b c d [2J");
    assert_eq!(cleaned("x\u{200b}\u{202e}\u{2066}y\u{feff}\u{e0041}z", 100), "xyz");
    assert_eq!(cleaned("<|endoftext|> <<||im_end||>> [IN[INST]ST]", 100), "endoftext im_end");
    assert_eq!(cleaned(&"é".repeat(500), 10), "é".repeat(10));
}

#[test]
fn keys_are_masked() {
    for key in ["sk-proj-0123456789abcdef", "AKIAABCDEFGHIJKLMNOP", "ghp_0123456789abcdef0123"] {
        assert_eq!(cleaned(&format!("uses {key} here"), 100), "uses (a key) here", "{key}");
    }
}

#[test]
fn an_action_cannot_give_a_model_tools_or_keep_the_question() {
    let params = |json: &str| ParamsTemplate::new(serde_json::from_str(json).unwrap()).unwrap();
    for member in ["tools", "store", "messages", "metadata", "stream"] {
        let refused = refused_params(&params(&format!("{{\"{member}\": true}}")));
        assert!(refused.is_some_and(|refused| refused.contains(member)), "{member}");
    }
    assert_eq!(refused_params(&params(r#"{"model": "m", "max_completion_tokens": 500}"#)), None);
}
