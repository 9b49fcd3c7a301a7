"""What a source event means to Intercom, declared in YAML: parsed documents in, Intercom events out.

All of it is pure: no files, no network, no clock, no database. Reading YAML is `connector.mapping_files`.

    problem     a mistake and what to write instead        document    one file, as models
    syntax      values that know their line and column     entry       one event's rules, compiled
    expression  JMESPath, compiled once                    catalog     all entries by source and trigger
    metadata    Intercom's eight types                     translate   SourceEvent → IntercomEvent | Skipped
"""
