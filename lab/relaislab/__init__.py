"""The lab of relais: a cluster on virtual networks of one machine, made of namespaces. Standard library only."""
