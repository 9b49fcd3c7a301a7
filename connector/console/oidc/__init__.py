"""Signing in to the console at an identity provider, by OpenID Connect; off unless CONNECTOR_OIDC_ISSUER is set.

The authorization code flow with PKCE, state and nonce (https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth).
Local users and their passwords stay: they are the way in when the provider is down.
"""
