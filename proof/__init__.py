"""Real weights on real data, each task and method in turn: is the tuned model better, by how much, at what cost?"""
