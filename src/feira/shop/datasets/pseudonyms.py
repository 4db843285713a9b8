"""Who sells, without saying who: names that stay the same and lead nowhere, and texts without addresses."""

import hashlib
import hmac
import re
from secrets import token_hex

from feira.shop.datasets.models import PseudonymKey

_EMAIL = re.compile(r"[\w.+-]+\s?@\s?[\w-]+(?:\.[\w-]+)+", re.UNICODE)
# Seven digits and more, parted by little: a telephone number. Prices, sizes and years are shorter or stand apart.
_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?\d(?:[\s()./-]{0,2}\d){6,14}(?!\w)")


def pseudonym_secret() -> bytes:
    """Return the secret of this database, made when it is first needed."""
    key, _is_new = PseudonymKey.objects.get_or_create(pk=1, defaults={"secret": token_hex(32)})
    return key.secret.encode()


def seller_pseudonym(secret: bytes, seller_id: int) -> str:
    """Return a name for a seller that only who holds the secret can lead back to them.

    >>> seller_pseudonym(b"secret", 7)
    'seller-9e94dff5cf8d43a2'
    """
    return f"seller-{hmac.new(secret, str(seller_id).encode(), hashlib.sha256).hexdigest()[:16]}"


def without_contacts(text: str) -> str:
    """Return a text in which e-mail addresses and telephone numbers are replaced by what they are.

    >>> without_contacts("Size 42, 2024. Call 0151 234 56 78 or ana@example.org!")
    'Size 42, 2024. Call [phone] or [e-mail]!'
    """
    return _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", text))
