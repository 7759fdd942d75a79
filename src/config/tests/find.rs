use super::{
    super::find::{distrust, find_among},
    *,
};

#[test]
fn a_named_file_wins_over_the_variable_and_that_over_the_usual_places() {
    let (_a, flag) = file("");
    let (_b, variable) = file("");
    let (_c, place) = file("");
    let environment: Environment = [("CCFD_CONFIG", variable.as_os_str())].into_iter().collect();
    let absent = place.with_extension("absent");
    let places = [&absent, &place];
    let find = |named, environment| {
        find_among(named, environment, &places).unwrap().map(|found| found.path().to_owned())
    };
    assert_eq!(find(Some(flag.as_path()), &environment), Some(flag.clone()));
    assert_eq!(find(None, &environment), Some(variable));
    assert_eq!(find(None, &Environment::default()), Some(place.clone()));
    assert_eq!(find_among(None, &Environment::default(), &[absent]).unwrap(), None);
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none.toml");
    let shown = path.display();
    let error = super::super::find_file(Some(&path), &Environment::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("{shown}: there is no such file, but --config names it"));
    let environment = [("CCFD_CONFIG", path.as_os_str())].into_iter().collect();
    let error = super::super::find_file(None, &environment).unwrap_err();
    assert_eq!(error.to_string(), format!("{shown}: there is no such file, but CCFD_CONFIG names it"));
}

#[test]
fn a_file_that_nobody_named_must_be_our_own_or_roots_and_closed_to_others() {
    assert_eq!(distrust(1000, 0o644, 1000), None);
    assert_eq!(distrust(0, 0o100_664, 1000), None);
    assert_eq!(distrust(1001, 0o600, 0).as_deref(), Some("belongs to user 1001, and ccfd runs as user 0"));
    assert_eq!(distrust(0, 0o100_646, 0).as_deref(), Some("is writable by everyone (mode 0646)"));
}
