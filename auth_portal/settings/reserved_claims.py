"""Names that a registration field of an operator must not take: they mean something already."""

from __future__ import annotations

_OURS = """
    id email phone phoneNumber firstName lastName locale createdAt fields missingFields acceptTerms terms
    termsAccepted termsVersion request registration challenge csrfToken
"""
"""Members of the API and of forms."""
_OF_OPENID_CONNECT = """
    name given_name family_name middle_name nickname preferred_username profile picture website email
    email_verified gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at
    azp nonce auth_time at_hash c_hash s_hash acr amr sid sub_jwk _claim_names _claim_sources
    verified_claims place_of_birth nationalities birth_family_name birth_given_name birth_middle_name salutation
    title msisdn also_known_as
"""
_OF_WEB_TOKENS = """
    iss sub aud exp nbf iat jti cnf act scope client_id may_act events toe txn roles groups entitlements
    authorization_details token_introspection sub_id aud_sub htm htu ath atc vot vtm vc vp opt div at_use_nbf
    jcard attest orig dest mky origid rph rcd rcdi crn msgi sph geohash _sd _sd_alg sd_hash status
    sip_from_tag sip_date sip_callid sip_cseq_num sip_via_branch rdap_allowed_purposes rdap_dnt_allowed
    eat_nonce ueid sueids oemid hwmodel hwversion oemboot dbgstat location eat_profile submods uptime bootcount
    bootseed dloas swname swversion manifests measurements measres intuse ace_profile cnonce exi
    cdniv cdnicrit cdniip cdniuc cdniets cdnistt cdnistd sig_val_claims active username token_type
"""
"""Registered with IANA as claims of a JSON Web Token, or as members of an introspection answer."""


def is_reserved(name: str) -> bool:
    """Whether a name or claim is one of these, however it is spelt: ``given_name``, ``givenName``, ``GIVEN_NAME``."""
    return _plain(name) in _RESERVED


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()


_RESERVED = frozenset(map(_plain, f"{_OURS} {_OF_OPENID_CONNECT} {_OF_WEB_TOKENS}".split()))
