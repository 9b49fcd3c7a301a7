"""The card beside a conversation in Intercom's inbox: a contact's latest events, and in words why one did not arrive.

routes   signed requests in, canvases out      card     ○ what is shown, as components
person   ○ who it is about, of any request      height   ○ how tall that is
latest   SQL: the contact's latest deliveries   values   ○ metadata for people
"""
