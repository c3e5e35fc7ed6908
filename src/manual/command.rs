//! The page of a command: what clap knows of it, in Markdown, around the page's own text.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;

/// What is true of all commands.
const COMMON: &str = include_str!("common.md");

/// The page with this text, if it is about a command.
pub(super) fn page(name: &str, text: &str) -> Option<String> {
    let mut program = Cli::command().max_term_width(0);
    program.build();
    let mut command = match program.find_subcommand(name) {
        Some(command) => command.clone(),
        None => Some(program).filter(|program| program.get_name() == name)?,
    };
    let (title, text) = text.split_once('\n').unwrap_or((text, ""));
    let (description, sections) = match text.split_once("\n## ") {
        Some((description, sections)) => (description, format!("## {sections}")),
        None => (text, String::new()),
    };
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let mut page = format!(
        "{title}\n\n## Synopsis\n\n`{usage}`\n\n## Description\n\n{}\n",
        description.trim()
    );
    // Writing to a string cannot fail.
    let _ = list_options(&mut page, &command);
    let _ = list_commands(&mut page, &command);
    Some([page.trim_end(), COMMON.trim_end(), &sections].join("\n\n"))
}

fn list_options(page: &mut String, command: &Command) -> std::fmt::Result {
    writeln!(page, "\n## Options\n\n| option | |\n|---|---|")?;
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let (places, flags): (Vec<&Arg>, Vec<&Arg>) = shown.partition(|it| it.is_positional());
    for argument in places.into_iter().chain(flags) {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(page, "| `{}` | {} |", written(argument), escaped(&help))?;
    }
    Ok(())
}

/// How an argument is written.
fn written(argument: &Arg) -> String {
    let value = argument.get_value_names().and_then(|names| names.first());
    let value = value.filter(|_| argument.get_action().takes_values());
    let long = argument.get_long().map(|long| format!("--{long}"));
    let flag = match (argument.get_short(), long) {
        (Some(short), Some(long)) => Some(format!("-{short}, {long}")),
        (_, long) => long,
    };
    [flag, value.map(|value| format!("<{value}>"))]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Words of clap as Markdown.
fn escaped(help: &str) -> String {
    help.replace('<', "\\<").replace('|', "\\|")
}

fn list_commands(page: &mut String, command: &Command) -> std::fmt::Result {
    let mut commands = command.get_subcommands().filter(|it| it.get_name() != "help").peekable();
    if commands.peek().is_some() {
        writeln!(page, "\n## Commands\n\n| command | |\n|---|---|")?;
    }
    for command in commands {
        let (name, about) = (command.get_name(), command.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        writeln!(page, "| [{name}]({name}.md) | {about} |")?;
    }
    Ok(())
}
