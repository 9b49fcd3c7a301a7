"""Mapping sets: the operator's files over the shipped catalogue, deployed into the database and followed by everybody.

    mapping_set   what an operator wrote, with its digest            drift     what would change a key's frozen type
    built         a set over this version's shipped catalogue        changed   what one catalogue has that another lacks
    store         sets in the database, and which is in use          choosing  a workspace's choices over a set
    deploying     checked, compared, made the one in use             in_use    the set that this process maps by
    folder        a service's own folder as a source of sets

What a rule means is `connector.mapping`'s, how files are read is `connector.mapping_files`'.
"""
