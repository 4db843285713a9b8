"""Who may ask for data sets, see and fetch them: the ML team, and administrators."""

from feira.shop.accounts.models import Account
from feira.shop.photos.selectors import Visitor

USE_DATASETS = "datasets.use_datasets"


def may_use_datasets(visitor: Visitor) -> bool:
    """Tell whether this visitor belongs to the ML team."""
    return isinstance(visitor, Account) and visitor.is_active and visitor.has_perm(USE_DATASETS)
