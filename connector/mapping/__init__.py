"""What a source event means to Intercom, declared in YAML: parsed documents in, Intercom events out.

All of it is pure: no files, no network, no clock, no database. Reading YAML is `connector.mapping_files`.

    The language                                   From a document to entries
      document    one document, as models            syntax      values that know their line and column
      forms       the typed forms of metadata        reading     nodes → entries, every problem at its place
      values      expressions, templates, lists      refusals    what pydantic refused, in words
      dialect     how each source writes             mending     what is left of a wrong document
      schema, reference: for editors, docs             review      what is wrong with a well-formed rule
                                                     english     is it a past-tense verb? (for authors)
    Expressions                                      stripe_types  is there such an event? (for authors)
      expression  JMESPath, compiled once            assembly    layers of documents → one catalogue
      closures    as fast as a look-up               problem     a mistake, and what to write instead
      interpreter JMESPath's, its work bounded
      functions   ours beside JMESPath's             walk        the way through the models
      template    text with expressions
      traps       what people get wrong            From an event to Intercom
                                                     entry       one rule, compiled
    Values                                           catalog     all entries by source and trigger
      metadata    Intercom's eight types             roots       `vars`, `before`, and who needs them
      conversions a JSON value as each of them       lookup      the first of several that is present
      wording     translate, join                    contact     who it happened to
      money       exact in every currency            event_name  Order Completed → completed-order
      dates       moments, and clocks gone wrong     context     options, names and notes of one translation
      text, keys  what Intercom takes                translate   SourceEvent → IntercomEvent | Skipped
      language    for readers                        example     what a payload has to become
                                                     explain     what an entry does, in words
                                                     difference  what another catalogue would do
"""
