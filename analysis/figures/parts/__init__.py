"""What several figures draw with: style, tiles of images, diagrams of layers."""
