//! The shape of canary steps: the fields of `CanaryStep` of Argo Rollouts 1.10, as its Go types declare them.

use crate::shape::shapes;

shapes! {
    StringMatch { exact: Text, prefix: Text, regex: Text }
    HeaderRoutingMatch { headerName: Text 'always, headerValue: (StringMatch) 'always }
    RouteMatch { method: (StringMatch), path: (StringMatch), headers: {StringMatch} }
    SetHeaderRoute { name: Text, match: [HeaderRoutingMatch] }
    SetMirrorRoute { name: Text 'always, match: [RouteMatch], percentage: (Integer) }
    SetCanaryScale { weight: (Integer), replicas: (Integer), matchTrafficWeight: Flag }
    PluginStep { name: Text 'always, config: Raw }
    RolloutPause { duration: (IntOrString) }
    PodTemplateMetadata { labels: {Text}, annotations: {Text} }
    LabelSelectorRequirement { key: Text 'always, operator: Text 'always, values: [Text] }
    LabelSelector { matchLabels: {Text}, matchExpressions: [LabelSelectorRequirement] }
    TemplateService { name: Text }
    RolloutExperimentTemplate {
        name: Text 'always, specRef: Text 'always, replicas: (Integer), metadata: PodTemplateMetadata,
        selector: (LabelSelector), weight: (Integer), service: (TemplateService),
    }
    FieldRef { fieldPath: Text 'always }
    ArgumentValueFrom { podTemplateHashValue: (Text), fieldRef: (FieldRef) }
    AnalysisRunArgument { name: Text 'always, value: Text, valueFrom: (ArgumentValueFrom) }
    AnalysisTemplateRef { templateName: Text 'always, clusterScope: (Flag) }
    DryRun { metricName: Text 'always }
    MeasurementRetention { metricName: Text 'always, limit: Integer 'always }
    RolloutExperimentStepAnalysisTemplateRef {
        name: Text 'always, templateName: Text 'always, clusterScope: (Flag), args: [AnalysisRunArgument],
        requiredForCompletion: Flag,
    }
    RolloutExperimentStep {
        templates: [RolloutExperimentTemplate] 'always, duration: Text,
        analyses: [RolloutExperimentStepAnalysisTemplateRef], dryRun: [DryRun],
        analysisRunMetadata: PodTemplateMetadata, scaleDownDelaySeconds: (Integer),
    }
    RolloutAnalysis {
        templates: [AnalysisTemplateRef], args: [AnalysisRunArgument], dryRun: [DryRun],
        measurementRetention: [MeasurementRetention], analysisRunMetadata: (PodTemplateMetadata),
    }
    CanaryStep {
        setWeight: (Integer), pause: (RolloutPause), experiment: (RolloutExperimentStep),
        analysis: (RolloutAnalysis), setCanaryScale: (SetCanaryScale), setHeaderRoute: (SetHeaderRoute),
        setMirrorRoute: (SetMirrorRoute), plugin: (PluginStep),
    }
}
