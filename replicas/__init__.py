"""The product: requests, plans, approvals and runs that create replicas of identity servers."""
