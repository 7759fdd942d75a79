# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ccfd_global_optspecs
    string join \n config= h/help V/version
end

function __fish_ccfd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ccfd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ccfd_using_subcommand
    set -l cmd (__fish_ccfd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ccfd -n "__fish_ccfd_needs_command" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ccfd -n "__fish_ccfd_needs_command" -s V -l version -d 'Print version'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "run" -d 'Collect and deliver, as a daemon or once for cron'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "backfill" -d 'Collect a past window once, with its own checkpoint'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "verify" -d 'Prove for a past window that the API and a sink agree, or name every difference'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "reset-state" -d 'Make a route start over'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "status" -d 'Show what each route is doing'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "tail" -d 'Show records as they arrive'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "top" -d 'Show the routes of the running daemon, live'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "collectors" -d 'Pause or resume a collector, or make it poll now'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "reload" -d 'Make the daemon load a changed configuration'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "state" -d 'Show, export or import checkpoints'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "check" -d 'Check configuration, keys, upstream, sinks and state without writing a row'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "rejects" -d 'Show records that could not be delivered, and send them again'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "alerts" -d 'List alerts, and say what is done about them'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "api-keys" -d 'Create, list and revoke the keys of the connectors\' HTTP API'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "cases" -d 'List cases, and say what is done about them'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "rules" -d 'List the rules that judge records, check them, and try one on the past'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "usage" -d 'Show the tokens that models used, in runs of connectors or in stored completions'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "connectors" -d 'Make connectors to other systems, test and run them'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "secrets" -d 'Store secrets for the settings, encrypted'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "query" -d 'Query the SQLite sink with SQL'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "deploy" -d 'Write the resources a destination needs as files'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "init" -d 'Write a configuration file, by asking or by flags'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "config" -d 'Show the settings in effect, and where each is set'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "completions" -d 'Write the completions of a shell to standard output'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "man" -d 'Write the manual pages'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "simulate" -d 'Serve a simulated OpenAI with hostile habits, for tests'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "demo" -d 'Show everything at work against the simulator, in a fresh directory'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l timeout -d 'With --once: end after this time at the latest, with exit code 1' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l trace-requests -d 'Write a line about every request to FILE, for support: no bodies, no keys; removed after an hour' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l once -d 'End when each route has read up to now, and has swept if a sweep is due'
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l accept-change -d 'Continue from a checkpoint that was written for another source, filter or sink'
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l collector -d 'The collector, as a flag' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l sink -d 'The sink, where the collector has several' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l from -d 'Start of the window: RFC 3339, a UTC day, a look-back such as 30d, or beginning' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l to -d 'End of the window, exclusive [default: where the route\'s own coverage begins, else now]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l parallel -d 'Number of slices to read in parallel (audit logs only; the key\'s rate still applies)' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l trace-requests -d 'Write a line about every request to FILE, for support: no bodies, no keys; removed after an hour' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l again -d 'Start over, even if this backfill was already started or finished'
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l collector -d 'The collector, as a flag' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l sink -d 'The sink, where the collector has several' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l from -d 'Start of the window: RFC 3339, a UTC day, a look-back such as 30d, or beginning' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l to -d 'End of the window, exclusive. Everything before it must be delivered' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l report -d 'Write the report as JSON to FILE, and as a page of text beside it, to FILE with the extension txt' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l as -d 'Who asks for it, for the report; by default the user of this machine' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l repair -d 'Deliver what is missing, and compare again'
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -l json -d 'Print the report as JSON'
complete -c ccfd -n "__fish_ccfd_using_subcommand verify" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l collector -d 'The collector, as a flag' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l sink -d 'Only the route to this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l to -d 'Start there instead of at the collector\'s `start`: RFC 3339, a UTC day, a look-back such as 30d, or beginning' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l dry-run -d 'Only show what would be removed'
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l yes -d 'Do not ask'
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -l json -d 'Print one JSON object. Times are Unix seconds; `routes` is as in status.json, plus `lag_seconds`, `never_run` and `configured`; `daemon` is the process that wrote it, and its `running` whether that is alive; `held_by` names another command that uses the state directory'
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -l running -d 'Only test whether a daemon runs and wrote its status in the last 15 seconds: exit code 0 if so, else 1. For health checks that restart it: parked routes do not fail this test'
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand tail" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand tail" -l route -d 'What this route delivers, as `ccfd status` names it, or a backfill. By default each collector is shown by the route to the first of its sinks, so that no record is shown twice' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand tail" -l json -d 'Print each record as one line of JSON, whole; for programs'
complete -c ccfd -n "__fish_ccfd_using_subcommand tail" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand top" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand top" -l interval -d 'Time between two frames, and what the rates are measured over' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand top" -l once -d 'Print one frame, after one interval, and end; so does output that is no terminal'
complete -c ccfd -n "__fish_ccfd_using_subcommand top" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "pause" -d 'Stop the routes of a collector until it is resumed, also over restarts. Records in flight are delivered first'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "resume" -d 'Resume a paused collector where it stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "poll" -d 'Poll now, without waiting for the next poll or the end of a delay; a parked route retries'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from pause" -l collector -d 'The collector, as a flag' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from pause" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from resume" -l collector -d 'The collector, as a flag' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from resume" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from poll" -l collector -d 'The collector, as a flag' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from poll" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from poll" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "pause" -d 'Stop the routes of a collector until it is resumed, also over restarts. Records in flight are delivered first'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Resume a paused collector where it stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "poll" -d 'Poll now, without waiting for the next poll or the end of a delay; a parked route retries'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand reload" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand reload" -l json -d 'Print one JSON object: started, restarted, ended, unchanged, at_next_start; parked: those of them that need an operator, with error and advice'
complete -c ccfd -n "__fish_ccfd_using_subcommand reload" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "show" -d 'Show the checkpoint of each route and backfill'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "export" -d 'Write all checkpoints, with the ids they remember, to a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "import" -d 'Replace checkpoints by those of the same names in an exported file. The daemon must be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object of checkpoints by name, without the ids they remember'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from export" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from import" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from import" -l yes -d 'Do not ask'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the checkpoint of each route and backfill'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write all checkpoints, with the ids they remember, to a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "import" -d 'Replace checkpoints by those of the same names in an exported file. The daemon must be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -l json -d 'Print one JSON array: for each line an object with level (ok, warn, fail), what, text and advice'
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -l install -d 'First install what the sinks need and writes do not create, such as index templates'
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "list" -d 'List rejects, with time and reason but without content'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "show" -d 'Show one in full: the destination\'s own reason, and the record'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "retry" -d 'Send rejects to their sink again and remove those it accepts. Works while the daemon runs'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "prune" -d 'Remove rejects for good. Works while the daemon runs'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l collector -d 'Only those of this collector' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l sink -d 'Only those for this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line: reject, time, collector, sink, table, side, kind, id, bytes'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object per line, with everything that is known'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l collector -d 'Only those of this collector' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l sink -d 'Only those for this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l json -d 'One JSON object: sent, taken, refused, not_sendable'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l id -d 'Only records with this id' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l older-than -d 'Only those kept for longer than this, such as 30d' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l reason -d 'Only those of this kind, as `list` shows it' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l collector -d 'Only those of this collector' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l sink -d 'Only those for this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l all -d 'All rejects; required if nothing else selects any'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l dry-run -d 'Count them, and remove nothing'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l json -d 'One JSON object: removed, or matching with --dry-run'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "list" -d 'List rejects, with time and reason but without content'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one in full: the destination\'s own reason, and the record'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Send rejects to their sink again and remove those it accepts. Works while the daemon runs'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Remove rejects for good. Works while the daemon runs'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -f -a "list" -d 'List alerts, those with the newest records first'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -f -a "show" -d 'Show one in full'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -f -a "ack" -d 'Say that someone looks at it'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -f -a "close" -d 'Close it with a verdict'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -f -a "actions" -d 'What alerts have to do in other systems: list it, try it again, remove it'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and not __fish_seen_subcommand_from list show ack close actions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l rule -d 'Only those of this rule, by its name' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l status -d 'Only those with this status' -r -f -a "open\t''
acknowledged\t''
closed\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l since -d 'Only those with a record since then: 2026-01-31T00:00:00Z, 2026-01-31, or a look-back such as 30d' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l level -d 'Only those of this level or a higher one' -r -f -a "informational\t''
low\t''
medium\t''
high\t''
critical\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l limit -d 'At most so many [default: 50 in a table, all with --json]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l withdrawn -d 'Also those that later records have proved wrong'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line, with everything that is known of an alert'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object on one line'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l note -d 'A remark to keep with the alert' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from ack" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from ack" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from close" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from close" -l note -d 'A remark to keep with the alert' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from close" -l as -d 'Whether the rule was right' -r -f -a "true-positive\t'It was right, and something had to be done'
false-positive\t'It was wrong'
benign\t'It was right, and nothing had to be done'"
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from close" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from actions" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from actions" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from actions" -f -a "list" -d 'List what waits, failed or was dropped, the newest first'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from actions" -f -a "retry" -d 'Let them be tried again from now on'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from actions" -f -a "drop" -d 'Remove them, so that they are never tried'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from actions" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from help" -f -a "list" -d 'List alerts, those with the newest records first'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one in full'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from help" -f -a "ack" -d 'Say that someone looks at it'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from help" -f -a "close" -d 'Close it with a verdict'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from help" -f -a "actions" -d 'What alerts have to do in other systems: list it, try it again, remove it'
complete -c ccfd -n "__fish_ccfd_using_subcommand alerts; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and not __fish_seen_subcommand_from create list revoke help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and not __fish_seen_subcommand_from create list revoke help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and not __fish_seen_subcommand_from create list revoke help" -f -a "create" -d 'Create a key and print it, once'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and not __fish_seen_subcommand_from create list revoke help" -f -a "list" -d 'List the keys, without what proves them'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and not __fish_seen_subcommand_from create list revoke help" -f -a "revoke" -d 'Make a key invalid, at once'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and not __fish_seen_subcommand_from create list revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from create" -l scope -d 'What it allows; `manage` includes the others; can be repeated' -r -f -a "read\t'See connectors, their types, their usage, and cases'
run\t'Run connectors'
manage\t'Everything'"
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from create" -l space -d 'Only in this space [repeatable; default: in all spaces]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from create" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from list" -l all -d 'Also those that are revoked'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from revoke" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from help" -f -a "create" -d 'Create a key and print it, once'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the keys, without what proves them'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Make a key invalid, at once'
complete -c ccfd -n "__fish_ccfd_using_subcommand api-keys; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "list" -d 'List cases, the newest first'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "show" -d 'Show one in full'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "create" -d 'Create one'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "assign" -d 'Say who is to work on it'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "comment" -d 'Add a comment'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "close" -d 'Close it with a verdict'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "reopen" -d 'Open it again'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "attach" -d 'Attach alerts, or a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "push" -d 'Send it to another system with a connector, or what has changed of it'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "resend" -d 'Send again what Kibana has refused of it, or what was given up'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and not __fish_seen_subcommand_from list show create assign comment close reopen attach push resend help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l status -d 'Only those with this status' -r -f -a "open\t''
in-progress\t''
closed\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l severity -d 'Only those with this severity' -r -f -a "low\t''
medium\t''
high\t''
critical\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l tag -d 'Only those with this tag' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l assignee -d 'Only those that this person is to work on; "none" for those without anyone' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l owner -d 'Only those of this owner' -r -f -a "cases\t''
observability\t''
securitySolution\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l search -d 'Only those with one of these words in title, description or comments' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l limit -d 'At most so many [default: 50 in a table, all with --json]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from show" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from show" -l history -d 'Also show what was done to it'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object on one line'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l description -d 'The same at length [default: the title]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l tag -d 'A word to find it by' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l severity -d 'How bad it is' -r -f -a "low\t''
medium\t''
high\t''
critical\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l category -d 'One more word to find it by' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l assignee -d 'Who is to work on it' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l owner -d 'The application that it belongs to, for clients of Kibana' -r -f -a "cases\t''
observability\t''
securitySolution\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l sync-alerts -d 'Whether its alerts follow its status'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -l json -d 'Print it as one JSON object'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from assign" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from assign" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from assign" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from assign" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from comment" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from comment" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from comment" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from comment" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from close" -l as -d 'What it was' -r -f -a "true-positive\t'It was right, and something had to be done'
false-positive\t'It was wrong'
benign\t'It was right, and nothing had to be done'"
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from close" -l note -d 'A comment to add' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from close" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from close" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from close" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from close" -l alerts -d 'Close its alerts with the same verdict, also if they do not follow the case'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from reopen" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from reopen" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from reopen" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from reopen" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from attach" -l file -d 'A file to keep with the case' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from attach" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from attach" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from attach" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from attach" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from push" -l by -d 'Who says so [default: the user of the process]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from push" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from push" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from push" -l create -d 'Create an incident again if that of the case was deleted'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from resend" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from resend" -l space -d 'The space of the cases' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from resend" -l all -d 'All cases that Kibana has refused, or parts of which'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from resend" -l create -d 'Create a case again that was deleted in Kibana'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from resend" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "list" -d 'List cases, the newest first'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one in full'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "create" -d 'Create one'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "assign" -d 'Say who is to work on it'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "comment" -d 'Add a comment'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "close" -d 'Close it with a verdict'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "reopen" -d 'Open it again'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "attach" -d 'Attach alerts, or a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "push" -d 'Send it to another system with a connector, or what has changed of it'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "resend" -d 'Send again what Kibana has refused of it, or what was given up'
complete -c ccfd -n "__fish_ccfd_using_subcommand cases; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and not __fish_seen_subcommand_from list lint test copy help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and not __fish_seen_subcommand_from list lint test copy help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and not __fish_seen_subcommand_from list lint test copy help" -f -a "list" -d 'List the rules in use, with what they found'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and not __fish_seen_subcommand_from list lint test copy help" -f -a "lint" -d 'Check files of rules, and run the tests that they state'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and not __fish_seen_subcommand_from list lint test copy help" -f -a "test" -d 'Try a rule on the records that a SQLite or NDJSON sink holds'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and not __fish_seen_subcommand_from list lint test copy help" -f -a "copy" -d 'Write the built-in rules out, to be read and edited'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and not __fish_seen_subcommand_from list lint test copy help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from list" -l all -d 'Also the parts of rules, which raise no alerts by themselves'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from lint" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from lint" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from test" -l last -d 'How far to look back: 30d, or a time' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from test" -l sink -d 'The sink whose records are judged [default: one of type sqlite or ndjson]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from test" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from test" -l json -d 'Print one JSON document, with every alert'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from copy" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from copy" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the rules in use, with what they found'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "lint" -d 'Check files of rules, and run the tests that they state'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "test" -d 'Try a rule on the records that a SQLite or NDJSON sink holds'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "copy" -d 'Write the built-in rules out, to be read and edited'
complete -c ccfd -n "__fish_ccfd_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -l by -d 'By what tokens are summed' -r -f -a "connector\t''
user\t''
model\t''
day\t''"
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -l last -d 'How far back to look' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -l sink -d 'The sink that holds them, if several do' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -l stored -d 'From the stored completions that a sink of this machine holds, instead of connectors\' runs. There, `connector` is the collector, and `user` the end user whom the application named'
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -l json -d 'Print one JSON object per line; what is unknown is null'
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -l csv -d 'Print CSV with a header line'
complete -c ccfd -n "__fish_ccfd_using_subcommand usage" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "list" -d 'List the connectors'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "types" -d 'List the types of connectors, and which of them ccfd has'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "create" -d 'Make a connector'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "show" -d 'Show one in full, without its secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "update" -d 'Replace name, settings and secrets of one'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "delete" -d 'Delete one with its secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "test" -d 'Run one with a test message of its type'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "run" -d 'Run one'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and not __fish_seen_subcommand_from list types create show update delete test run help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from list" -l space -d 'The space' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from types" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from types" -l json -d 'Print one JSON object per line'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from types" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from create" -l type -d 'Its type, as `types` lists them' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from create" -l id -d 'Its id, 1 to 36 characters [default: a random one]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from create" -l settings -d 'Its settings, a JSON object: written out, @FILE, or @- for standard input' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from create" -l secret -d 'A secret: NAME=@FILE, NAME=@- for standard input, or NAME=env:VARIABLE. Give all that its type requires, also to `update`' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from create" -l space -d 'The space' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from create" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from show" -l space -d 'The space' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from update" -l name -d 'What people call it [default: as before]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from update" -l settings -d 'Its settings, a JSON object: written out, @FILE, or @- for standard input' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from update" -l secret -d 'A secret: NAME=@FILE, NAME=@- for standard input, or NAME=env:VARIABLE. Give all that its type requires, also to `update`' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from update" -l space -d 'The space' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from update" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from delete" -l space -d 'The space' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from delete" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from delete" -l yes -d 'Do not ask'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from test" -l space -d 'The space' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from test" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from run" -l params -d 'The parameters, a JSON object: written out, @FILE, or @- for standard input' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from run" -l space -d 'The space' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from run" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the connectors'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "types" -d 'List the types of connectors, and which of them ccfd has'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make a connector'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one in full, without its secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "update" -d 'Replace name, settings and secrets of one'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete one with its secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "test" -d 'Run one with a test message of its type'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run one'
complete -c ccfd -n "__fish_ccfd_using_subcommand connectors; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "set" -d 'Store a secret, read from standard input, in place of an earlier one. Settings name it as { stored = "NAME" }'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "list" -d 'List the names of the stored secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "remove" -d 'Remove a secret'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and not __fish_seen_subcommand_from set list remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from set" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from remove" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from remove" -l all -d 'Remove all, also those of connectors, which then miss theirs: the way out when the key is lost'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from remove" -l yes -d 'Do not ask before all are removed'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "set" -d 'Store a secret, read from standard input, in place of an earlier one. Settings name it as { stored = "NAME" }'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the names of the stored secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove a secret'
complete -c ccfd -n "__fish_ccfd_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l backup -d 'Copy the whole database to a new file; also works while the daemon runs' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l sink -d 'The sink, if several are of type sqlite' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l schema -d 'Print the tables and views, and the type and meaning of their columns'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l json -d 'Print one JSON object per line, with a member for each column; dynamic columns are JSON text'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l csv -d 'Print CSV with a header line; NULL is an empty field, lines end with LF. For people and spreadsheets: control characters are replaced, and a text that a spreadsheet would calculate gets a `\'` in front'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l raw -d 'Print CSV with every text exactly as stored'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l connectors -d 'Query what connectors of type .index have written, a table for each index, instead of a sink'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and not __fish_seen_subcommand_from render help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and not __fish_seen_subcommand_from render help" -f -a "render" -d 'Write the files for a destination: tables, rules and functions, or templates and roles'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and not __fish_seen_subcommand_from render help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -l dir -d 'Directory to write to [default: ./deploy/TARGET]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -l retention -d 'How long data streams with a lifecycle keep documents: days such as 90d or 2y, or forever [default: 365d]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -l force -d 'Overwrite existing files that differ'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "render" -d 'Write the files for a destination: tables, rules and functions, or templates and roles'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l source -d 'A list to collect: audit_logs or chat_completions; may be given twice' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l admin-key -d 'Where the admin key for audit logs is kept [default: env:OPENAI_ADMIN_KEY]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l project-key -d 'Where the project key for chat completions is kept [default: env:OPENAI_API_KEY]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l start -d 'Where the first run begins: a look-back such as 7d, all, or a time [default: 7d]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l sink -d 'Type of the sink [default: sqlite]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l set -d 'A setting of the sink, such as urls=https://es.example.com:9200; may be given several times' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l service -d 'Also write ccfd.service beside the file, with places below /var/lib/ccfd and keys as credentials'
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l yes -d 'Ask nothing: use the default of everything that no flag gives'
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -l force -d 'Overwrite existing files'
complete -c ccfd -n "__fish_ccfd_using_subcommand init" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and not __fish_seen_subcommand_from show help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print every setting with its value and the place that sets it'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and __fish_seen_subcommand_from show" -l changed -d 'Only those that somebody set'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'As JSON'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print every setting with its value and the place that sets it'
complete -c ccfd -n "__fish_ccfd_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand completions" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand man" -l dir -d 'Write all pages into this directory instead' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand man" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l listen -d 'Address to listen on; port 0 selects a free one' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l audit-logs -d 'Audit events to generate [default: 1000, none with --records]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l completions -d 'Stored completions to generate [default: 1000, none with --records]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l records -d 'Serve the records of this NDJSON file; can be repeated' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l seed -d 'The same seed gives the same records and faults' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l habits -d 'Comma-separated: ties, shuffle, newest|oldest, late, deleted-404|deleted-empty|deleted-ignored, crowded, throttle, errors, cut, null-edges, pretty, tenant-ignore|tenant-refuse, all, and a few more that an invalid name lists' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l latency -d 'How long each response takes' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l live -d 'New records per second' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l organization -d 'Sent as openai-organization' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l project -d 'Sent as openai-project' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l date-offset -d 'Seconds by which the Date of its responses is wrong' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand demo" -l dir -d 'An empty or new directory [default: a new one in the system\'s temporary directory]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand demo" -l for -d 'How long new records keep appearing' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand demo" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "run" -d 'Collect and deliver, as a daemon or once for cron'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "backfill" -d 'Collect a past window once, with its own checkpoint'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "verify" -d 'Prove for a past window that the API and a sink agree, or name every difference'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "reset-state" -d 'Make a route start over'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "status" -d 'Show what each route is doing'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "tail" -d 'Show records as they arrive'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "top" -d 'Show the routes of the running daemon, live'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "collectors" -d 'Pause or resume a collector, or make it poll now'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "reload" -d 'Make the daemon load a changed configuration'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "state" -d 'Show, export or import checkpoints'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "check" -d 'Check configuration, keys, upstream, sinks and state without writing a row'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "rejects" -d 'Show records that could not be delivered, and send them again'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "alerts" -d 'List alerts, and say what is done about them'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "api-keys" -d 'Create, list and revoke the keys of the connectors\' HTTP API'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "cases" -d 'List cases, and say what is done about them'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "rules" -d 'List the rules that judge records, check them, and try one on the past'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "usage" -d 'Show the tokens that models used, in runs of connectors or in stored completions'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "connectors" -d 'Make connectors to other systems, test and run them'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "secrets" -d 'Store secrets for the settings, encrypted'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "query" -d 'Query the SQLite sink with SQL'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "deploy" -d 'Write the resources a destination needs as files'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "init" -d 'Write a configuration file, by asking or by flags'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "config" -d 'Show the settings in effect, and where each is set'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "completions" -d 'Write the completions of a shell to standard output'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "man" -d 'Write the manual pages'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "simulate" -d 'Serve a simulated OpenAI with hostile habits, for tests'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "demo" -d 'Show everything at work against the simulator, in a fresh directory'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill verify reset-state status tail top collectors reload state check rejects alerts api-keys cases rules usage connectors secrets query deploy init config completions man simulate demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from collectors" -f -a "pause" -d 'Stop the routes of a collector until it is resumed, also over restarts. Records in flight are delivered first'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from collectors" -f -a "resume" -d 'Resume a paused collector where it stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from collectors" -f -a "poll" -d 'Poll now, without waiting for the next poll or the end of a delay; a parked route retries'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from state" -f -a "show" -d 'Show the checkpoint of each route and backfill'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from state" -f -a "export" -d 'Write all checkpoints, with the ids they remember, to a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from state" -f -a "import" -d 'Replace checkpoints by those of the same names in an exported file. The daemon must be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "list" -d 'List rejects, with time and reason but without content'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "show" -d 'Show one in full: the destination\'s own reason, and the record'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "retry" -d 'Send rejects to their sink again and remove those it accepts. Works while the daemon runs'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "prune" -d 'Remove rejects for good. Works while the daemon runs'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from alerts" -f -a "list" -d 'List alerts, those with the newest records first'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from alerts" -f -a "show" -d 'Show one in full'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from alerts" -f -a "ack" -d 'Say that someone looks at it'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from alerts" -f -a "close" -d 'Close it with a verdict'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from alerts" -f -a "actions" -d 'What alerts have to do in other systems: list it, try it again, remove it'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from api-keys" -f -a "create" -d 'Create a key and print it, once'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from api-keys" -f -a "list" -d 'List the keys, without what proves them'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from api-keys" -f -a "revoke" -d 'Make a key invalid, at once'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "list" -d 'List cases, the newest first'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "show" -d 'Show one in full'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "create" -d 'Create one'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "assign" -d 'Say who is to work on it'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "comment" -d 'Add a comment'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "close" -d 'Close it with a verdict'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "reopen" -d 'Open it again'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "attach" -d 'Attach alerts, or a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "push" -d 'Send it to another system with a connector, or what has changed of it'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from cases" -f -a "resend" -d 'Send again what Kibana has refused of it, or what was given up'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "list" -d 'List the rules in use, with what they found'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "lint" -d 'Check files of rules, and run the tests that they state'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "test" -d 'Try a rule on the records that a SQLite or NDJSON sink holds'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "copy" -d 'Write the built-in rules out, to be read and edited'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "list" -d 'List the connectors'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "types" -d 'List the types of connectors, and which of them ccfd has'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "create" -d 'Make a connector'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "show" -d 'Show one in full, without its secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "update" -d 'Replace name, settings and secrets of one'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "delete" -d 'Delete one with its secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "test" -d 'Run one with a test message of its type'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from connectors" -f -a "run" -d 'Run one'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "set" -d 'Store a secret, read from standard input, in place of an earlier one. Settings name it as { stored = "NAME" }'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "list" -d 'List the names of the stored secrets'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "remove" -d 'Remove a secret'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "render" -d 'Write the files for a destination: tables, rules and functions, or templates and roles'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every setting with its value and the place that sets it'
