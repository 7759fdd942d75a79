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
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "run" -d 'Collect and deliver: the daemon, or once for cron'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "backfill" -d 'Collect a past window once, under a checkpoint of its own'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "reset-state" -d 'Forget where a route stands'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "status" -d 'Show what each route is doing'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "collectors" -d 'Pause a collector, resume it, or let it poll at once'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "reload" -d 'Let the daemon take up a changed configuration'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "state" -d 'Show, export or import the checkpoints'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "check" -d 'Check configuration, keys, upstream, sinks and state without writing a row'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "rejects" -d 'Show what could not be delivered, and send it again'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "query" -d 'Ask the SQLite sink a question in SQL'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "deploy" -d 'Write what must stand at a destination, as files to be applied there'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "simulate" -d 'Serve an OpenAI with hostile habits, for tests'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "demo" -d 'Show it all at work against the simulator, in a fresh directory'
complete -c ccfd -n "__fish_ccfd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l timeout -d 'With --once: end after this time at the latest, with exit code 1' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l trace-requests -d 'Write a line about every request to FILE, for support: no bodies, no keys; removed after an hour' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l once -d 'End when each route has read to now and finished a sweep if one is due'
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -l accept-change -d 'Go on from the old place although a checkpoint was written for another source, filter or sink'
complete -c ccfd -n "__fish_ccfd_using_subcommand run" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l collector -d 'The collector' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l sink -d 'The sink, where the collector has several' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l from -d 'First time: RFC 3339, a UTC day, a look-back such as 30d, or beginning' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l to -d 'Time before which it ends [default: where the route\'s own coverage begins, else now]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l parallel -d 'How many slices are read at the same time (audit logs only; the key\'s rate still holds)' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l trace-requests -d 'Write a line about every request to FILE, for support: no bodies, no keys; removed after an hour' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -l again -d 'Begin anew, although this backfill was begun or finished before'
complete -c ccfd -n "__fish_ccfd_using_subcommand backfill" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l collector -d 'The collector; one that is not configured any more will do' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l sink -d 'Only the route to this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l to -d 'Begin there instead of at the collector\'s `start`: RFC 3339, a UTC day, a look-back such as 30d, or beginning' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l dry-run -d 'Show what would be removed, and end'
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -l yes -d 'Do not ask'
complete -c ccfd -n "__fish_ccfd_using_subcommand reset-state" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -l json -d 'One JSON object. Times are Unix seconds; `routes` is as in status.json, with `lag_seconds`, `never_run` and `configured`; `daemon` says who wrote it and `running` whether that one lives; `held_by` names another command that uses the state directory'
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -l running -d 'Only look whether a daemon runs and wrote its status in the last 15 seconds: exit code 0 if so, else 1. For health checks that restart it: a parked route is no reason to'
complete -c ccfd -n "__fish_ccfd_using_subcommand status" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "pause" -d 'End the routes of a collector until it is resumed, over restarts too. What is in flight is delivered first'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "resume" -d 'Let a paused collector go on where it stood'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "poll" -d 'Do not wait for the next poll, nor for the end of a delay; a parked route tries again'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and not __fish_seen_subcommand_from pause resume poll help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from pause" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from resume" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from poll" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from poll" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "pause" -d 'End the routes of a collector until it is resumed, over restarts too. What is in flight is delivered first'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Let a paused collector go on where it stood'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "poll" -d 'Do not wait for the next poll, nor for the end of a delay; a parked route tries again'
complete -c ccfd -n "__fish_ccfd_using_subcommand collectors; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand reload" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand reload" -l json -d 'One JSON object: started, restarted, ended, unchanged, at_next_start'
complete -c ccfd -n "__fish_ccfd_using_subcommand reload" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "show" -d 'Where each route and each backfill stands'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "export" -d 'Write all checkpoints with the ids that they hold to a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "import" -d 'Put the checkpoints of such a file in place of those of the same names. No daemon may run'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and not __fish_seen_subcommand_from show export import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from show" -l json -d 'One JSON object, the checkpoints by name, without the ids that they hold'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from export" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from import" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from import" -l yes -d 'Do not ask'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "show" -d 'Where each route and each backfill stands'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write all checkpoints with the ids that they hold to a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "import" -d 'Put the checkpoints of such a file in place of those of the same names. No daemon may run'
complete -c ccfd -n "__fish_ccfd_using_subcommand state; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -l json -d 'One JSON array: an object with level (ok, warn, fail), what, text and advice for each line'
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -l install -d 'First put in place what the sinks need and no write makes, such as index templates'
complete -c ccfd -n "__fish_ccfd_using_subcommand check" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "list" -d 'What is kept, when and why; shows no content'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "show" -d 'One of them in full: the reason in the destination\'s words, and the record'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "retry" -d 'Send to the sink again; what it takes is removed. A running daemon need not be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "prune" -d 'Remove for good what nobody will send. A running daemon need not be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and not __fish_seen_subcommand_from list show retry prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l collector -d 'Only those of this collector' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l sink -d 'Only those meant for this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -l json -d 'One JSON object a line: reject, time, collector, sink, table, side, kind, id, bytes'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from show" -l json -d 'One JSON object a line, with everything that is known'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l collector -d 'Only those of this collector' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l sink -d 'Only those meant for this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -l json -d 'One JSON object: sent, taken, refused, not_sendable'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l id -d 'Only records with this id' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l older-than -d 'Only those kept for longer than this, such as 30d' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l reason -d 'Only those of this kind, as `list` shows it' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l collector -d 'Only those of this collector' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l sink -d 'Only those meant for this sink' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l all -d 'All of them, where nothing else says which'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l dry-run -d 'Count them, and remove nothing'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -l json -d 'One JSON object: removed, or matching with --dry-run'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "list" -d 'What is kept, when and why; shows no content'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "show" -d 'One of them in full: the reason in the destination\'s words, and the record'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Send to the sink again; what it takes is removed. A running daemon need not be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Remove for good what nobody will send. A running daemon need not be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand rejects; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l backup -d 'Copy the whole database into a new file, as it is now; also beside a running daemon' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l sink -d 'The sink, where several are of type sqlite' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l json -d 'One JSON object a line, a member for each column; dynamic columns are JSON text'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l csv -d 'CSV (RFC 4180) with a line of names; NULL is an empty field. For people and spreadsheets: control characters are replaced, and a text that a spreadsheet would calculate has a `\'` in front'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -l raw -d 'CSV with every text as it is stored'
complete -c ccfd -n "__fish_ccfd_using_subcommand query" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and not __fish_seen_subcommand_from render help" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and not __fish_seen_subcommand_from render help" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and not __fish_seen_subcommand_from render help" -f -a "render" -d 'Write the files of a destination: tables, rules and functions, or templates and roles'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and not __fish_seen_subcommand_from render help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -l dir -d 'Where to [default: ./deploy/TARGET]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -l retention -d 'How long data streams with a life cycle keep documents: days such as 90d or 2y, or forever [default: 365d]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -l force -d 'Overwrite files that are there and differ'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from render" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "render" -d 'Write the files of a destination: tables, rules and functions, or templates and roles'
complete -c ccfd -n "__fish_ccfd_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l listen -d 'Address to listen on; port 0 takes a free one' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l audit-logs -d 'Audit events to generate [default: 1000, none with --records]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l completions -d 'Stored completions to generate [default: 1000, none with --records]' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l records -d 'Serve the records of this NDJSON file; may be given several times' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l seed -d 'The same seed gives the same records and faults' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l habits -d 'Comma-separated: ties, shuffle, newest|oldest, late, deleted-404|deleted-empty|deleted-ignored, crowded, throttle, errors, cut, null-edges, pretty, tenant-ignore|tenant-refuse, all, and a few more that an unknown one lists' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l latency -d 'How long each answer takes' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l live -d 'Records a second that appear as time goes on' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l organization -d 'Sent as openai-organization' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l project -d 'Sent as openai-project' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l date-offset -d 'Seconds by which the Date of its answers is wrong' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand simulate" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand demo" -l dir -d 'An empty directory, or one to be made [default: a new one in the system\'s temporary directory]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand demo" -l for -d 'How long new records go on to appear' -r
complete -c ccfd -n "__fish_ccfd_using_subcommand demo" -l config -d 'Configuration file [default: $CCFD_CONFIG, ./ccfd.toml, /etc/ccfd/ccfd.toml]' -r -F
complete -c ccfd -n "__fish_ccfd_using_subcommand demo" -s h -l help -d 'Print help'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "run" -d 'Collect and deliver: the daemon, or once for cron'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "backfill" -d 'Collect a past window once, under a checkpoint of its own'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "reset-state" -d 'Forget where a route stands'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "status" -d 'Show what each route is doing'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "collectors" -d 'Pause a collector, resume it, or let it poll at once'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "reload" -d 'Let the daemon take up a changed configuration'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "state" -d 'Show, export or import the checkpoints'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "check" -d 'Check configuration, keys, upstream, sinks and state without writing a row'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "rejects" -d 'Show what could not be delivered, and send it again'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "query" -d 'Ask the SQLite sink a question in SQL'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "deploy" -d 'Write what must stand at a destination, as files to be applied there'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "simulate" -d 'Serve an OpenAI with hostile habits, for tests'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "demo" -d 'Show it all at work against the simulator, in a fresh directory'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and not __fish_seen_subcommand_from run backfill reset-state status collectors reload state check rejects query deploy simulate demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from collectors" -f -a "pause" -d 'End the routes of a collector until it is resumed, over restarts too. What is in flight is delivered first'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from collectors" -f -a "resume" -d 'Let a paused collector go on where it stood'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from collectors" -f -a "poll" -d 'Do not wait for the next poll, nor for the end of a delay; a parked route tries again'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from state" -f -a "show" -d 'Where each route and each backfill stands'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from state" -f -a "export" -d 'Write all checkpoints with the ids that they hold to a file'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from state" -f -a "import" -d 'Put the checkpoints of such a file in place of those of the same names. No daemon may run'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "list" -d 'What is kept, when and why; shows no content'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "show" -d 'One of them in full: the reason in the destination\'s words, and the record'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "retry" -d 'Send to the sink again; what it takes is removed. A running daemon need not be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from rejects" -f -a "prune" -d 'Remove for good what nobody will send. A running daemon need not be stopped'
complete -c ccfd -n "__fish_ccfd_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "render" -d 'Write the files of a destination: tables, rules and functions, or templates and roles'
