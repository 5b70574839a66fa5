"""What `import fairhub` offers: audits and repairs of a model that was loaded, or that stands in memory."""
