//! Each product's people and groups, as its documentation shows them and the manual says to ask for
//! them.

use super::*;

/// A product as its documentation shows an entry of a person, `{u}`, and of a group.
struct Product {
    preset: &'static str,
    context: &'static str,
    person: &'static str,
    class: &'static str,
    /// Its attributes; the last names the groups that the person is in, if that is said there.
    attributes: [(&'static str, &'static str); 2],
    /// What names the members of the group, if it does.
    member: Option<&'static str>,
}

const PRODUCTS: [Product; 8] = [
    Product {
        preset: "kanidm",
        context: "dc=idm,dc=example,dc=com",
        person: "spn={u}@idm.example.com,dc=idm,dc=example,dc=com",
        class: "person",
        attributes: [("name", "{u}"), ("memberof", "{group}")],
        member: Some("member"),
    },
    Product {
        preset: "glauth",
        context: "dc=glauth,dc=com",
        person: "cn={u},ou=staff,ou=users,dc=glauth,dc=com",
        class: "posixAccount",
        attributes: [("uid", "{u}"), ("memberOf", "{group}")],
        member: Some("uniqueMember"),
    },
    Product {
        preset: "authentik",
        context: "dc=ldap,dc=goauthentik,dc=io",
        person: "cn={u},ou=users,dc=ldap,dc=goauthentik,dc=io",
        class: "user",
        attributes: [("cn", "{u}"), ("memberOf", "{group}")],
        member: Some("member"),
    },
    Product {
        preset: "edirectory",
        context: "",
        person: "cn={u},ou=people,o=example",
        class: "person",
        attributes: [("cn", "{u}"), ("groupMembership", "{group}")],
        member: Some("member"),
    },
    Product {
        preset: "domino",
        context: "",
        person: "CN={u} Smith,O=Example",
        class: "person",
        attributes: [("uid", "{u}"), ("cn", "{u} Smith")],
        member: Some("member"),
    },
    Product {
        preset: "google",
        context: "dc=example,dc=com",
        person: "uid={u},ou=Users,dc=example,dc=com",
        class: "inetOrgPerson",
        attributes: [("uid", "{u}"), ("memberOf", "{group}")],
        member: Some("member"),
    },
    Product {
        preset: "okta",
        context: "dc=example,dc=okta,dc=com",
        person: "uid={u}@h,ou=users,dc=example,dc=okta,dc=com",
        class: "inetOrgPerson",
        attributes: [("uid", "{u}@h"), ("mail", "{u}@h")],
        member: Some("uniqueMember"),
    },
    Product {
        preset: "jumpcloud",
        context: "o=56f19b11,dc=jumpcloud,dc=com",
        person: "uid={u},ou=Users,o=56f19b11,dc=jumpcloud,dc=com",
        class: "inetOrgPerson",
        attributes: [("uid", "{u}"), ("memberOf", "{group}")],
        member: None,
    },
];

impl Product {
    /// The lines of the manual about it, without how it is reached; and the group in them.
    fn lines(&self) -> (String, String) {
        let manual = include_str!("../../src/manual/other-directories.md");
        let mut blocks = manual.split("```toml\n[directory.corp]\n").skip(1);
        let preset = format!("preset = {:?}\n", self.preset);
        let block = blocks.find(|block| block.starts_with(&preset)).unwrap();
        let lines = block.split("```").next().unwrap().lines();
        let lines: Vec<&str> = lines
            .filter(|line| !line.starts_with("servers") && !line.starts_with("bind_dn"))
            .collect();
        let group = lines.iter().find_map(|line| line.strip_prefix("require_group = ")).unwrap();
        (lines.join("\n"), group.trim_matches('"').to_owned())
    }

    fn find(&self, search: &Search, group: &str) -> Vec<Found> {
        if search.attributes.iter().any(|name| name == "namingContexts") {
            return vec![entry("", &[("namingContexts", &[self.context])])];
        }
        let of = |user: &str| self.person.replace("{u}", user);
        let asks_about = ["alice", "bob"].into_iter().find(|user| search.asks_for(&of(user)));
        let members = match self.member {
            Some(member) => entry(group, &[(member, &[&of("alice")]), ("cn", &["chat"])]),
            None => entry(group, &[("cn", &["chat"])]),
        };
        match asks_about {
            Some("alice") if self.member.is_some_and(|name| search.asks_for(name)) => {
                return vec![members];
            }
            Some(_) => return Vec::new(),
            None if search.base == group => return vec![members],
            None => {}
        }
        let asked = |user: &&str| search.asks_for(user) && search.asks_for(self.class);
        let Some(user) = ["alice", "bob"].into_iter().find(asked) else { return Vec::new() };
        let group = if user == "alice" { group } else { "cn=other" };
        let value = |text: &str| text.replace("{u}", user).replace("{group}", group);
        let [(login, name), (other, text)] = self.attributes;
        vec![entry(&of(user), &[(login, &[&value(name)]), (other, &[&value(text)])])]
    }
}

#[tokio::test]
async fn each_product_has_its_people_and_groups_where_the_manual_says() {
    for product in &PRODUCTS {
        let (lines, group) = product.lines();
        let (server, port) = {
            let group = group.clone();
            Server::start(move |search| (0, product.find(search, &group))).await
        };
        let preset = product.preset;
        let domain = domain(port, &lines);
        assert_eq!(verdict(&domain, "alice").await, Verdict::Granted, "{preset}");
        let outcome = sign_in(&domain, "bob").await;
        assert_eq!(outcome.verdict, Verdict::Denied(Denial::NotInGroup), "{preset}: {outcome:?}");
        assert_eq!(verdict(&domain, "carol").await, NO, "{preset}");
        assert_eq!(server.bound(), [product.person.replace("{u}", "alice")], "{preset}");
    }
}
