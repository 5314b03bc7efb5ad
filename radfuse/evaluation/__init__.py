"""What a study asks to be known of its models beside how they rank: settings, and rules that wings share."""
