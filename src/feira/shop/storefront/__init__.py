"""The pages that bring several rooms together: home, a listing, selling."""
