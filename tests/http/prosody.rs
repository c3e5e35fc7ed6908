//! Both versions of Prosody ask with their own HTTP client, as mod_auth_http lets them.

use ldap_fixtures::component::{Component, Place};
use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::prosody::{Authentication, Prosody, Version};

use crate::daemon::Daemon;

fn ask(component: &mut Component, name: &str, user: &str, password: &str) -> String {
    component.ask(name, Place::Runner, user, password).unwrap()
}

#[tokio::test]
async fn prosody_signs_users_in_and_changes_their_passwords() {
    for version in Version::ALL {
        let directory = Embedded::start().unwrap();
        let (daemon, port) = Daemon::on_port(&directory.url()).await;
        let prosody =
            Prosody::start(version, Authentication::Http(port, "prosody:s3cret")).unwrap();
        let mut component = prosody.component().unwrap();
        let component = &mut component;
        assert_eq!(ask(component, "sign_in", "alice", "secret"), "success", "{}", daemon.log());
        assert!(ask(component, "sign_in", "alice", "wrong").starts_with("failure not-authorized"));
        assert_eq!(ask(component, "user_exists", "alice", ""), "true");
        assert_eq!(ask(component, "user_exists", "nobody", ""), "false");
        for password in ["a b+c%d&pass=e", "=#?/\\\"'", "pä€😀", "%41", "100 %"] {
            assert_eq!(ask(component, "set_password", "alice", password), "true 204 ");
            assert_eq!(ask(component, "sign_in", "alice", password), "success", "{password}");
        }
        let forged = ask(component, "set_password", "alice", "a\nb");
        assert_eq!(forged, "false 403 malformed");
        assert_eq!(ask(component, "sign_in", "alice", "100 %"), "success");
        drop(directory);
        let unknown = ask(component, "test_password", "alice", "100 %");
        assert!(unknown.starts_with("false 400 "), "{version:?}: {unknown}");
    }
}
