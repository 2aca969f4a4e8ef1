"""What a domain must publish, held against what it does publish. Pure: DNS answers come as values."""
