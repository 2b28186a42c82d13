//! Somebody stopped a part of the way, or set it up wrong: nothing is committed.

use serde_json::json;

use super::scene::{FOLDER, Plan, Scene};

#[test]
fn a_suspended_policy_is_resumed() {
    let scene = Scene::set("suspended-policy", &Plan::default());
    scene.comes_to("Synced", "");
    let answer = scene.imgauto(&["suspend", "policy", "web"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    scene.push_tag("1.1.0");
    let said = scene.comes_to("Suspended", "PolicySuspended");
    scene.paste(&said.next);
    scene.ends_with("1.1.0");
}

#[test]
fn a_suspended_automation_is_resumed() {
    let plan = Plan {
        automation: json!({"suspend": true}),
        ..Plan::default()
    };
    let scene = Scene::set("suspended-automation", &plan);
    scene.push_tag("1.1.0");
    scene.comes_to("Suspended", "AutomationSuspended");
    scene.paste(&scene.fix(&[], "AutomationSuspended"));
    scene.ends_with("1.1.0");
}

#[test]
fn a_marker_that_is_missing_is_written_where_the_checkout_has_the_image() {
    let plan = Plan {
        marker: Some(""),
        ..Plan::default()
    };
    let scene = Scene::set("marker-missing", &plan);
    scene.push_tag("1.1.0");
    scene.comes_to("Blocked", "MarkerMissing");
    let clone = scene.clone_branch();
    let source = ["--source", clone.to_str().unwrap()];
    scene.paste(&scene.fix(&source, "MarkerMissing"));
    scene.ends_with("1.1.0");
}

#[test]
fn a_marker_in_the_wrong_namespace_is_put_right() {
    let plan = Plan {
        marker: Some(r#"# {"$imagepolicy": "elsewhere:web"}"#),
        ..Plan::default()
    };
    let scene = Scene::set("marker-namespace", &plan);
    scene.push_tag("1.1.0");
    scene.comes_to("Blocked", "MarkerWrongNamespace");
    scene.paste(&scene.fix(&[], "MarkerWrongNamespace"));
    scene.ends_with("1.1.0");
}

#[test]
fn a_marker_with_a_misspelt_policy_is_put_right() {
    let plan = Plan {
        marker: Some(r#"# {"$imagepolicy": "NAMESPACE:webb"}"#),
        ..Plan::default()
    };
    let scene = Scene::set("marker-policy", &plan);
    scene.push_tag("1.1.0");
    scene.comes_to("Blocked", "MarkerUnknownPolicy");
    scene.paste(&scene.fix(&[], "MarkerUnknownPolicy"));
    scene.ends_with("1.1.0");
}

#[test]
fn an_update_path_that_leaves_the_file_out_is_widened() {
    let plan = Plan {
        folder: Some("clusters/other"),
        ..Plan::default()
    };
    let scene = Scene::set("path", &plan);
    scene.push_tag("1.1.0");
    scene.comes_to("Blocked", "PathExcluded");
    scene.paste(&scene.fix(&[], "PathExcluded"));
    scene.ends_with("1.1.0");
}

#[test]
fn a_selector_that_leaves_the_policy_out_is_satisfied() {
    let plan = Plan {
        automation: json!({"policySelector": {"matchLabels": {"team": "web"}}}),
        ..Plan::default()
    };
    let scene = Scene::set("selector", &plan);
    scene.push_tag("1.1.0");
    scene.comes_to("Blocked", "SelectorExcludes");
    scene.paste(&scene.fix(&[], "SelectorExcludes"));
    scene.ends_with("1.1.0");
}

#[test]
fn a_template_that_cannot_be_used_is_replaced() {
    let template = "{{range .Updated.Images}}{{println .}}{{end}}";
    let plan = Plan {
        automation: json!({"git": {"commit": {"messageTemplate": template}}}),
        ..Plan::default()
    };
    let scene = Scene::set("template", &plan);
    scene.push_tag("1.1.0");
    scene.comes_to("Blocked", "TemplateInvalid");
    scene.paste(&scene.fix(&[], "TemplateInvalid"));
    scene.ends_with("1.1.0");
}

#[test]
fn the_way_without_trouble_is_shown_link_by_link() {
    let scene = Scene::set("no-trouble", &Plan::default());
    scene.push_tag("1.1.0");
    scene.ends_with("1.1.0");
    let why = scene.imgauto(&["why", "deployment/web"]);
    assert_eq!(why.code, 0, "{}", why.stdout);
    for link in [
        "scan",
        "selection",
        "marker",
        "automation",
        "push",
        "apply",
        "rollout",
    ] {
        assert!(why.stdout.contains(&format!("√ {link}")), "{}", why.stdout);
    }
    let place = format!("{FOLDER}/web.yaml:");
    assert!(why.stdout.contains(&place), "{}", why.stdout);
    for object in ["policy/web", "update/apps"] {
        let why = scene.imgauto(&["why", object]);
        assert_eq!(why.code, 0, "{}", why.stdout);
        assert!(
            why.stdout
                .contains("√ push        1.1.0 is committed at main@"),
            "{}",
            why.stdout
        );
    }
}
